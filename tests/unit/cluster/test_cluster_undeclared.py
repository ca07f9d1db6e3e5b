"""Fields that came with a later version than the inventory's, by the table of versions."""

from typing import Any

import pytest

from tasks.cluster import undeclared

OBJECTS: dict[str, dict[str, Any]] = {
    "a peer": {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "spec": {"peerIP": "a", "ttlSecurity": 1}},
    "a filter": {
        "apiVersion": "projectcalico.org/v3",
        "kind": "BGPFilter",
        "spec": {"exportV4": [{"interface": "a"}, {"interface": "b", "source": "c"}]},
    },
    "an installation": {
        "apiVersion": "operator.tigera.io/v1",
        "kind": "Installation",
        "spec": {"calicoNetwork": {"clusterRoutingMode": "Felix"}},
    },
    "somebody's own": {"apiVersion": "example.org/v1", "kind": "BGPPeer", "spec": {"ttlSecurity": 1}},
}


@pytest.mark.parametrize(
    ("name", "calico", "missing"),
    [
        ("a peer", "3.24.5", ["spec.ttlSecurity"]),
        ("a peer", "3.25.0", []),
        ("a filter", "3.26.4", ["spec.exportV4.interface", "spec.exportV4.source"]),
        ("a filter", "3.27.0", []),
        ("an installation", "3.31.7", ["spec.calicoNetwork.clusterRoutingMode"]),
        ("an installation", "3.32.0", []),
        ("somebody's own", "3.24.5", []),
    ],
)
def test_a_field_of_a_later_version_is_found(name: str, calico: str, missing: list[str], intent_of: Any) -> None:
    intent = intent_of(defaults_file={"data": {"software": {"calico": calico}}})
    assert undeclared._not_yet(intent, OBJECTS[name]) == missing


@pytest.mark.parametrize("calico", ["3.24.5", "3.26.4", "3.27.0", "3.32.1"])
def test_what_is_rendered_for_a_version_asks_for_nothing_later(calico: str, intent_of: Any) -> None:
    intent = intent_of(defaults_file={"data": {"software": {"calico": calico, "purelb": "0.16.6"}}})
    assert undeclared.reasons(intent, []) == []
