"""What deploy.py would have to settle before an upgrade: the inventory's additions against what stands."""

from typing import Any

import pytest

from tasks.control_plane import certificate, settled
from tasks.control_plane.record import NOTHING, Recorded, SettingsSeen
from tasks.control_plane.settings import NOTHING_GIVEN
from tasks.linux.observe import FileSeen
from tasks.upgrade import unsettled

STANDS = "1.30.4"
ARGUMENTS: dict[str, Any] = {"kubeadm": {"api_server": {"extra_args": {"v": ["2"]}}}}
AUDIT: dict[str, Any] = {"kubeadm": {"audit": {"policy": {"rules": [{"level": "Metadata"}]}}}}


def standing(intent: Any, name: str) -> SettingsSeen:
    """A node that deploy.py has brought to what an inventory says."""
    node = intent.node(name)
    should = settled.wanted(intent, node, NOTHING_GIVEN)
    made_from = {**should.made_from, **(certificate.made_from(intent, node) if should.made_from else {})}
    record = {name: Recorded(digest or NOTHING, "0") for name, digest in made_from.items()}
    files = {one.path: FileSeen(one.mode, "root:root", one.text) for one in should.files}
    return SettingsSeen(record, {}, dict(should.patches), frozenset(), files)


@pytest.fixture
def of(intent_of: Any) -> Any:
    """An intent of a version, with more of the kubeadm section."""

    def make(version: str, more: dict[str, Any]) -> Any:
        return intent_of(defaults_file={"data": {"software": {"kubernetes": version}, **more}})

    return make


@pytest.mark.parametrize("more", [{}, ARGUMENTS, AUDIT], ids=["nothing", "arguments", "audit"])
@pytest.mark.parametrize("version", ["1.30.5", "1.31.0"])
def test_another_version_alone_is_no_difference(of: Any, version: str, more: dict[str, Any]) -> None:
    """Also where kubeadm's API has another form from that version on."""
    intent = of(version, more)
    node = intent.control_planes[0]
    assert unsettled.found(intent, node, NOTHING_GIVEN, standing(of(STANDS, more), node.name), STANDS) == []


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        ({}, ARGUMENTS, ["kube-apiserver"]),
        (ARGUMENTS, {}, ["kube-apiserver"]),
        (
            {},
            AUDIT,
            [
                "/etc/kubernetes/kubepeer/patches",
                "/etc/kubernetes/kubepeer/apiserver/audit-policy.yaml",
                "kube-apiserver",
            ],
        ),
    ],
    ids=["an_argument_more", "an_argument_less", "an_audit_policy"],
)
def test_what_changed_together_with_the_version_is_named(
    of: Any, before: dict[str, Any], after: dict[str, Any], differs: list[str]
) -> None:
    intent = of("1.31.0", after)
    node = intent.control_planes[0]
    assert unsettled.found(intent, node, NOTHING_GIVEN, standing(of(STANDS, before), node.name), STANDS) == differs


def test_other_names_in_the_certificate_are_named(of: Any) -> None:
    intent = of("1.31.0", {})
    node = intent.control_planes[0]
    seen = standing(of(STANDS, {}), node.name)
    changed = SettingsSeen(
        {**seen.record, "names": Recorded("another", "0")}, {}, seen.patches, frozenset(), seen.files
    )
    assert unsettled.found(intent, node, NOTHING_GIVEN, changed, STANDS) == ["names"]


def test_a_cluster_of_which_nothing_is_recorded_is_as_kubeadm_made_it(of: Any) -> None:
    intent = of("1.31.0", {})
    assert unsettled.found(intent, intent.control_planes[0], NOTHING_GIVEN, SettingsSeen(), STANDS) == []
    assert unsettled.found(intent, intent.workers[0], NOTHING_GIVEN, SettingsSeen(), STANDS) == []
