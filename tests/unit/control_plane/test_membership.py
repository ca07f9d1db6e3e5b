"""How far a node has come, by cases; what it says of itself, read from recorded answers."""

from typing import Any

import pytest

from tasks.control_plane import membership as members
from tasks.control_plane.etcd import Member
from tasks.control_plane.membership import MemberSeen
from tasks.linux.observe import Answer, FileSeen, Seen

ADMIN_CONF, CA = "/etc/kubernetes/admin.conf", "/etc/kubernetes/pki/ca.crt"


CLUSTER_CA = "the CA of the cluster\n"


@pytest.mark.cases("memberships")
def test_a_node_is_judged_by_its_files_by_the_api_and_by_etcd(case: dict[str, Any], intent_of: Any) -> None:
    node = intent_of().node(case["node"])
    ready, ca = case.get("api_ready", False), case.get("ca", CLUSTER_CA)
    seen = MemberSeen(tuple(case["leftovers"]), api_ready=ready, admin_conf="", ca=ca, kubeconfigs=())
    stacked = not case.get("external_etcd", False)
    judged = members.membership(node, seen, frozenset(case["registered"]), CLUSTER_CA, stacked=stacked)
    assert members.needs_etcd(node, seen, judged) is case.get("asks_etcd", False)
    if "etcd" in case:
        own = Member(1, node.full_name, str(node.address), **case["etcd"]) if case["etcd"] else None
        judged = members.with_etcd(judged, own)
    assert judged.value == case["is"]


@pytest.mark.parametrize(
    ("leftovers", "others", "has_kube_proxy", "is_so"),
    [
        ([ADMIN_CONF], [], False, True),
        ([ADMIN_CONF], [], True, False),
        ([ADMIN_CONF], ["k8s-calico-worker-10-31-90-4.tinychen.io"], False, False),  # somebody's eBPF, it may be
        ([], [], False, False),  # the API is another's
    ],
)
def test_an_init_was_cut_off_while_nobody_could_have_joined(
    intent_of: Any, leftovers: list[str], others: list[str], *, has_kube_proxy: bool, is_so: bool
) -> None:
    node = intent_of().nodes[0]
    seen = MemberSeen(tuple(leftovers), api_ready=True, admin_conf="a", ca="b", kubeconfigs=("root",))
    for registered in ([node.full_name, *others], others):
        assert members.init_was_cut_off(node, seen, registered, has_kube_proxy=has_kube_proxy) is is_so


def answered(
    leftovers: str, api: str, kubeconfig: str, files: dict[str, FileSeen | None], restore: str = ""
) -> MemberSeen:
    texts = {"lock": "", "leftovers": leftovers, "api": api, "kubeconfigs": kubeconfig, "endpoint": ""}
    texts["restore"] = restore
    assert set(texts) == {*members.QUESTIONS, "kubeconfigs"}
    assert set(files) == set(members.FILES)
    return members.member_seen(Seen({name: Answer(0, text) for name, text in texts.items()}, files))


def test_a_control_plane_says_what_it_has() -> None:
    files = {ADMIN_CONF: FileSeen("600", "root:root", "kind: Config\n"), CA: FileSeen("644", "root:root", "PEM\n")}
    seen = answered(f"{ADMIN_CONF}\n{CA}", "ok", "root\nops", files)
    assert seen == MemberSeen((ADMIN_CONF, CA), True, "kind: Config\n", "PEM\n", ("root", "ops"))  # noqa: FBT003  as it is printed


@pytest.mark.parametrize("api", ["", "[+]ping ok\n[-]etcd failed\nreadyz check failed", "Unauthorized"])
def test_a_bare_machine_has_nothing_and_an_apiserver_that_is_not_ready_is_none(api: str) -> None:
    seen = answered("", api, "", {ADMIN_CONF: None, CA: None})
    assert seen == MemberSeen((), api_ready=False, admin_conf="", ca="", kubeconfigs=())


def test_a_restore_that_was_cut_off_is_seen() -> None:
    assert answered("", "", "", {ADMIN_CONF: None, CA: None}, "/var/lib/kubepeer-restore/token\n").restoring
