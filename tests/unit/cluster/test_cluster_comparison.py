"""Whose the fields of an object are: what is wanted, laid over what stands; and what a version does not declare."""

from typing import Any

import pytest

from tasks.cluster import comparison
from tasks.cluster import undeclared as undeclared_fields
from tasks.cluster.schema import undeclared


@pytest.mark.cases("comparison")
def test_only_what_was_asked_for_is_compared(case: dict[str, Any]) -> None:
    wanted, stands = case["wanted"], case["stands"]
    expected = stands["spec"] if case["becomes"] == "same" else case["becomes"]
    if comparison.ownership(wanted).replaced:
        assert comparison.laid_over(wanted, stands)["spec"] == expected
        return
    sent = comparison.to_apply(wanted, stands)
    # the server keeps the fields of others: laid over what stands, what is sent must give what is expected
    assert comparison.laid_over(sent, stands)["spec"] == expected
    pools = sent["spec"]["calicoNetwork"].get("ipPools")
    assert pools == expected["calicoNetwork"].get("ipPools") or pools is None


@pytest.mark.cases("comparison")
def test_what_has_been_laid_over_once_is_laid_over_for_good(case: dict[str, Any]) -> None:
    once = comparison.laid_over(case["wanted"], case["stands"])
    assert comparison.laid_over(case["wanted"], once) == once


def test_identity_and_foreign_labels_stay() -> None:
    wanted = {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "a", "labels": {"x": "1"}}}
    metadata = {
        "name": "a",
        "uid": "7",
        "resourceVersion": "9",
        "managedFields": [{}],
        "labels": {"team": "net", "x": "0"},
    }
    result = comparison.laid_over(wanted, wanted | {"metadata": metadata})["metadata"]
    assert result == {"name": "a", "uid": "7", "resourceVersion": "9", "labels": {"team": "net", "x": "1"}}


@pytest.mark.parametrize(
    ("wanted", "stands", "would", "answer"),
    [
        pytest.param({"a": 1}, {"a": 1}, {"a": 1, "b": 2}, {"a": 1}, id="a_default_that_the_server_adds"),
        pytest.param({"a": 1}, {"a": 0}, {"a": 1}, {"a": 1}, id="a_field_that_differs"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, {"a": 1}, {"a": 1}, id="a_field_that_was_ours_goes"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1, "b": 2}, id="nobody_asked_for_it"),
        pytest.param({}, {"b": [1, 2]}, {"b": [1]}, {"b": [1]}, id="an_item_that_was_ours_goes"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 0}}, {"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, id="deep_within"),
    ],
)
def test_the_answer_of_a_dry_run_without_what_the_server_adds(
    wanted: Any, stands: Any, would: Any, answer: Any
) -> None:
    assert comparison.answered(wanted, stands, would) == answer


def test_a_field_that_the_table_of_versions_knows_is_told_with_its_first_version() -> None:
    peer = {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "a"}}
    assert list(undeclared_fields.first_versions(peer, "spec.ttlSecurity")) == [
        ("calico", "BGPPeer.ttlSecurity", "3.25.0")
    ]
    assert list(undeclared_fields.first_versions(peer, "spec.peerIP")) == []


TEXT = {"type": "string"}
KIND = {"group": "projectcalico.org", "version": "v3", "kind": "BGPPeer"}
DESCRIPTION = {
    "components": {
        "schemas": {
            "other": {"x-kubernetes-group-version-kind": [KIND | {"kind": "BGPFilter"}]},
            "peer": {
                "x-kubernetes-group-version-kind": [KIND],
                "properties": {"spec": {"default": {}, "allOf": [{"$ref": "#/components/schemas/spec"}]}},
            },
            "spec": {
                "properties": {
                    "peerIP": TEXT,
                    "asNumber": {"type": "integer"},
                    "labels": {"additionalProperties": TEXT},
                    "anything": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "rules": {"type": "array", "items": {"properties": {"action": TEXT}}},
                    "password": {"properties": {"secretKeyRef": {"$ref": "#/components/schemas/key"}}},
                }
            },
            "key": {"properties": {"key": TEXT, "name": TEXT}},
        }
    }
}


@pytest.mark.cases("schema")
def test_a_field_that_is_not_declared_is_found(case: dict[str, Any]) -> None:
    peer = {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": {"name": "a"}, "spec": case["spec"]}
    assert undeclared(peer, DESCRIPTION) == case["says"]


def test_of_a_kind_that_is_not_described_nothing_is_known() -> None:
    other = {"apiVersion": "projectcalico.org/v3", "kind": "IPPool", "metadata": {"name": "a"}, "spec": {"x": 1}}
    assert undeclared(other, DESCRIPTION) == []
    assert undeclared(other, {}) == []
