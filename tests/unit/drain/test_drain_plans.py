"""What may go, what is written, what leaves: one small file a case."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from kubepeer.errors import CommandError
from kubepeer.intent import Node
from tasks.cluster import drained
from tasks.control_plane.etcd import Member
from tasks.drain import alive, hops, plan, pods, safety
from tasks.drain.safety import Leaving
from tasks.linux.observe import Answer
from tasks.platforms.seen import KernelRoute, Path, RibRoute, RouterSeen
from tests.unit.routes.test_expected import objects

NETWORK = IPv4Network("10.33.192.0/18")
ROUTES = (Leaving(NETWORK, frozenset({"10.0.0.1"}), frozenset({"10.0.0.2"}), "service network"),)


@pytest.mark.cases("leaving")
def test_what_depends_on_a_nodes_label(case: dict[str, Any]) -> None:
    standing, families = safety.with_drained(objects(case)), case.get("families", [4])
    found = safety.leaving(standing, case["node"], "3.24.5", families)
    told = {str(one.prefix): {"own": sorted(one.own), "rest": sorted(one.rest)} for one in found}
    assert told == case["leaving"]
    assert safety.last_next_hops(found) == case["refused"]


@pytest.mark.cases("quorum")
def test_etcd_keeps_its_quorum_without_a_node(case: dict[str, Any]) -> None:
    assert safety.without_quorum(*quorum(case)) == case["says"]


def quorum(case: dict[str, Any]) -> tuple[Node, list[Member], list[Node]]:
    """Who goes, etcd's members, and the control planes that are away."""
    nodes = {name: control_plane(name) for name in {*case["members"], case["node"]}}
    members = [
        Member(number, name, str(nodes[name].address), learner=state == "learner", running=state != "silent")
        for number, (name, state) in enumerate(case["members"].items())
    ]
    return nodes[case["node"]], members, [nodes[name] for name in case.get("away", ())]


def control_plane(name: str) -> Node:
    address = f"10.0.{int(name[0] == 'm')}.{name[1:]}"
    return Node(
        name=name, full_name=f"{name}.example.org", address=address, role="control_plane", interface="eth0",
        priority=0, as_number=64517, routers=("r1",),
    )  # fmt: skip


@pytest.mark.cases("pods")
def test_which_pods_leave_a_node(case: dict[str, Any]) -> None:
    given = {"force": False, "local_data": False} | case.get("given", {})
    found = pods.sort([pod(**one) for one in case["pods"]], **given)
    assert [pods.name_of(one) for one in found.leave] == case["leave"]
    assert [pods.name_of(one) for one in found.stay] == case["stay"]
    assert list(found.refused) == case["refused"]


def pod(
    name: str,
    *,
    owner: str = "",
    controls: bool = True,
    mirror: bool = False,
    empty_dir: Any = (),
    phase: str = "Running",
    ending: bool = False,
    labels: Any = None,
    pre_stop: bool = False,
    tolerations: Any = (),
) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "labels": labels or {},
        "annotations": {pods.MIRROR: "digest"} if mirror else {},
        "ownerReferences": [{"kind": owner, "controller": controls}] if owner else [],
    } | ({"deletionTimestamp": "2026-01-01T00:00:00Z"} if ending else {})
    container = {"name": "one", "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}} if pre_stop else {"name": "one"}
    volumes = [{"name": "token", "projected": {}}, *({"name": volume, "emptyDir": {}} for volume in empty_dir)]
    spec = {"nodeName": "n1", "containers": [container], "volumes": volumes, "tolerations": list(tolerations)}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("of_pod", "hasty"),
    [
        pytest.param({"labels": {"app": "web", "tier": "1"}}, True, id="behind_a_service"),
        pytest.param({"labels": {"app": "web"}, "pre_stop": True}, False, id="with_a_hook"),
        pytest.param({"labels": {"app": "mail"}}, False, id="behind_none"),
        pytest.param({}, False, id="a_service_without_a_selector_chooses_nobody"),
    ],
)
def test_a_pod_that_may_stop_to_listen_too_early_is_told(of_pod: dict[str, Any], *, hasty: bool) -> None:
    services = [
        {"metadata": {"namespace": "shop", "name": "web"}, "spec": {"selector": {"app": "web"}}},
        {"metadata": {"namespace": "shop", "name": "external"}, "spec": {}},
        {"metadata": {"namespace": "other", "name": "mail"}, "spec": {"selector": {"app": "mail"}}},
    ]
    one = pod("web-1", owner="ReplicaSet", **of_pod)
    assert pods.stop_at_once([one], services) == ([one] if hasty else [])


@pytest.mark.cases("steps")
def test_a_step_writes_this_patch(case: dict[str, Any]) -> None:
    found = case["node"]
    metadata = {"name": "n1", "resourceVersion": "7", "labels": found.get("labels", {})}
    metadata["annotations"] = found.get("annotations", {})
    node = {"metadata": metadata, "spec": {"unschedulable": True} if found.get("unschedulable") else {}}
    for name in ("remember", "exclude", "cordon", "uncordon", "include", "forget"):
        planned = getattr(plan, name)(node)
        assert (planned.patch if planned else None) == case[name], name
        assert planned is None or planned.change.diff


@pytest.mark.parametrize(
    "text", ["", "true", "[]", '{"label":1,"unschedulable":false}', '{"label":null,"unschedulable":"no"}', "{"]
)
def test_an_annotation_that_somebody_has_written_is_told_with_what_it_should_be(text: str) -> None:
    node = {"metadata": {"name": "n1", "annotations": {drained.DRAINED: text}}}
    with pytest.raises(CommandError, match=r"what stood on n1 before it was drained cannot be read") as caught:
        drained.before(node)
    assert 'kubepeer.io/drained={"label":null,"unschedulable":false}' in caught.value.cure


@pytest.mark.parametrize("before", [drained.Before(), drained.Before("", unschedulable=True), drained.Before("true")])
def test_what_is_remembered_is_read_again(before: drained.Before) -> None:
    assert drained.before({"metadata": {"name": "n1", "annotations": {drained.DRAINED: before.text}}}) == before


@pytest.mark.cases("hops")
def test_what_a_router_shows_of_the_node(case: dict[str, Any]) -> None:
    seen = seen_of(case)
    for name in ("may_go", "gone", "back"):
        findings = getattr(hops, name)("r1", seen, ROUTES)
        assert hops.told(findings) == case[name], name
        assert all(finding.ok for finding in findings) == (not case[name])
        assert len(findings) == len(case.get("layers", ("bgp", "rib", "kernel")))


def seen_of(case: dict[str, Any]) -> RouterSeen:
    stale = case.get("stale", ())
    paths = tuple(Path(hop, IPv4Address(hop), chosen=True, stale=hop in stale) for hop in case["bgp"])
    rib, kernel = frozenset(case["rib"]), frozenset(case["kernel"])
    return RouterSeen(
        bgp={NETWORK: paths},
        rib={NETWORK: (RibRoute("bgp", 20, 0, rib, selected=True),)} if rib else {},
        kernel={NETWORK: (KernelRoute(NETWORK, "bgp", 20, kernel, case.get("untold", "")),)} if kernel else {},
        resolved={hop: frozenset(gateways) for hop, gateways in case.get("resolved", {}).items()},
        layers=frozenset(case.get("layers", ("bgp", "rib", "kernel"))),
    )


def test_next_hops_are_counted_for_a_person() -> None:
    seen = seen_of({"bgp": ["10.0.0.2"], "rib": ["10.0.0.2"], "kernel": ["10.0.0.2"]})
    assert hops.counted(hops.gone("r1", seen, ROUTES)) == "10.33.192.0/18: 1 next hop"


GAUGE = "kubeproxy_sync_proxy_rules_last_timestamp_seconds"


@pytest.mark.parametrize(
    ("code", "text", "says"),
    [
        pytest.param(0, f"{GAUGE} 1.77e+09\n", "", id="rules_are_written"),
        pytest.param(0, f'{GAUGE}{{ip_family="IPv4"}} 1.77e+09\n', "", id="with_its_family"),
        pytest.param(0, f"{GAUGE} 0\n", "kube-proxy has not written its rules yet", id="started_a_moment_ago"),
        pytest.param(
            0,
            f'{GAUGE}{{ip_family="IPv4"}} 1.77e+09\n{GAUGE}{{ip_family="IPv6"}} 0\n',
            "kube-proxy has not written its rules yet",
            id="of_one_family_alone",
        ),
        pytest.param(
            1,
            "bash: connect: Connection refused\n",
            "kube-proxy does not tell on 127.0.0.1:10249 when it wrote its rules: bash: connect: Connection refused",
            id="not_there",
        ),
    ],
)
def test_kube_proxy_says_itself_whether_its_rules_are_written(code: int, text: str, says: str) -> None:
    assert alive.kube_proxy(Answer(code, text)) == says


@pytest.mark.parametrize(("answer", "well"), [("ok", True), ("ok\n", True), ("", False), ("[-]syncloop failed", False)])
def test_a_kubelet_says_ok(answer: str, *, well: bool) -> None:
    assert (alive.kubelet(answer) == "") == well


def node_pod(app: str, ready: str = "True") -> dict[str, Any]:
    states = [{"type": "Ready", "status": ready}]
    return {"metadata": {"name": f"{app}-x", "labels": {"k8s-app": app}}, "status": {"conditions": states}}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([node_pod("calico-node"), node_pod("kube-proxy")], ""),
        ([node_pod("calico-node")], ""),
        ([node_pod("calico-node"), node_pod("kube-proxy", "False")], "pod kube-proxy-x is not ready"),
        ([node_pod("calico-node", "False"), node_pod("kube-proxy")], "pod calico-node-x is not ready"),
        ([node_pod("kube-proxy")], "no calico-node runs there"),
    ],
    ids=["both", "another_proxy", "proxy_not_ready", "network_not_ready", "no_network"],
)
def test_the_pods_of_its_network_are_ready(found: list[dict[str, Any]], says: str) -> None:
    assert alive.pods(found) == says
    assert alive.has_kube_proxy(found) == any("kube-proxy" in one["metadata"]["name"] for one in found)
