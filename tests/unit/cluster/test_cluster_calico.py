"""In which order Calico is told what: its BGP as soon as its API answers, what a peer refers to before the peer."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError, RefusedError
from kubepeer.intent import Intent
from kubepeer.run import WAITING, Run
from tasks.cluster import calico, silence, waits
from tasks.cluster.api import KubernetesApi
from tests.unit.cluster.api_server import NAME, SERVED, ApiServer, State

OPERATOR = """
{apiVersion: v1, kind: Namespace, metadata: {name: tigera-operator}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: tigera-operator, namespace: tigera-operator}
spec: {replicas: 1, template: {spec: {containers: [{name: tigera-operator, args: [-manage-crds=true]}]}}}
"""
V3 = "/apis/projectcalico.org/v3"
CONFIGURATION, PEERS = f"{V3}/bgpconfigurations/default", f"{V3}/bgppeers"
DEPLOYMENT = "/apis/apps/v1/namespaces/tigera-operator/deployments/tigera-operator"
STATUSES = "/apis/operator.tigera.io/v1/tigerastatuses"
NODE = "/api/v1/nodes/k8s-calico-worker-10-31-90-4.tinychen.io"
RACK = {"hosts": {f"k8s-calico-worker-10-31-90-{n}": {"data": {"routers": ["openwrt"]}} for n in (5, 6)}}
AVAILABLE = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}
DEGRADED = {"status": {"conditions": [{"type": "Degraded", "status": "True", "message": "no peer is established"}]}}
ROLLED_OUT = {"observedGeneration": 1, "desiredNumberScheduled": 6, "updatedNumberScheduled": 6, "numberAvailable": 6}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes here has come when the write that it follows is answered: what has not come then does not come at all."""
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0)
    for name in ("TAKEN_UP", "NETWORK", "ROLLOUT"):
        monkeypatch.setattr(calico, f"{name}_SECONDS", 0.02)


@pytest.fixture
def run(run_of: Callable[..., Run], intent_of: Callable[..., Intent], folder: Path) -> Callable[..., Run]:
    def make(version: str = "3.24.5", *, dry_run: bool = False, newer: bool = False, **edits: Any) -> Run:
        (folder / "operator.yaml").write_text(OPERATOR)
        data = {"software": {"calico": version}, "manifests": {"calico": str(folder / "operator.yaml")}}
        intent = intent_of(defaults_file={"data": data}, **edits)
        hosts = [host.name for host in (*intent.nodes, *intent.routers)]
        return run_of(*hosts, intent=intent, dry_run=dry_run, further={"calico": newer})

    return make


def nodes(state: State, intent: Intent, **labels: str) -> None:
    items = []
    for node in intent.nodes:
        metadata = {"name": node.full_name, "labels": dict(labels)}
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        items.append({"metadata": metadata, "status": ready})
        state.objects[f"/api/v1/nodes/{node.full_name}"] = {"apiVersion": "v1", "kind": "Node", **items[-1]}
    state.objects["/api/v1/nodes"] = {"items": items}


def calico_runs(state: State) -> None:
    """What the operator makes of an Installation: its API, which comes a moment later, and the nodes' daemon set."""
    state.raw.pop(V3, None)
    if stored := state.objects.get(
        f"/apis/{calico.STORED}/bgpconfigurations/default"
    ):  # where that API server keeps it
        state.objects[CONFIGURATION] = stored | {"apiVersion": calico.V3}
    state.objects[calico.NAMESPACE_PATH] = {"metadata": {"name": "calico-system"}}
    state.objects[calico.DAEMON_SET] = {"metadata": {"generation": 1}, "status": ROLLED_OUT}


def operator_runs(state: State) -> None:
    state.objects[DEPLOYMENT]["status"] = {"availableReplicas": 1, "updatedReplicas": 1}


def bare(state: State, intent: Intent) -> None:
    """A cluster without Calico, and an operator that does its work once it is there."""
    nodes(state, intent)
    state.raw[V3] = (503, "the server is currently unable to handle the request")
    state.reactions[DEPLOYMENT] = lambda: operator_runs(state)
    state.reactions["/apis/operator.tigera.io/v1/apiservers/default"] = lambda: calico_runs(state)
    state.reactions[f"{PEERS}/tiny-unraid-peer"] = lambda: state.objects.update(
        {f"{STATUSES}/{name}": AVAILABLE for name in ("apiserver", "calico")}
    )


def test_on_a_bare_cluster_bgp_is_written_when_its_api_has_come(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    running = run()
    bare(server.state, running.intent)
    calico.build(running, connected)
    written = [path.removeprefix("/apis/") for path in server.state.written()]
    assert written == [
        "/api/v1/namespaces/tigera-operator",
        "apps/v1/namespaces/tigera-operator/deployments/tigera-operator",
        "operator.tigera.io/v1/installations/default",
        "operator.tigera.io/v1/apiservers/default",
        "projectcalico.org/v3/bgpconfigurations/default",
        "projectcalico.org/v3/bgppeers/openwrt-peer",
        "projectcalico.org/v3/bgppeers/tiny-unraid-peer",
    ]


def not_ready(state: State, name: str, status: str, message: str) -> None:
    """One node of the list is not Ready."""
    for node in state.objects["/api/v1/nodes"]["items"]:
        if node["metadata"]["name"] == name:
            node["status"] = {"conditions": [{"type": "Ready", "status": status, "message": message}]}


WORKER = "k8s-calico-worker-10-31-90-4"
AWAY = (
    f"Calico's operator brings it when calico-node is available on every node, and node {WORKER}.tinychen.io is not Ready "
    "(Kubelet stopped posting node status.)"
)


@pytest.fixture
def first_run_with_a_node_away(run: Any, server: ApiServer) -> Run:
    """The operator does its work, and its API server does not come: not every node has its calico-node."""
    running: Run = run()
    bare(server.state, running.intent)
    del server.state.reactions["/apis/operator.tigera.io/v1/apiservers/default"]
    not_ready(server.state, f"{WORKER}.tinychen.io", "Unknown", "Kubelet stopped posting node status.")
    return running


def test_a_first_run_that_a_node_holds_up_says_which_and_its_condition(
    first_run_with_a_node_away: Run, connected: KubernetesApi
) -> None:
    told: list[str] = []
    before = WAITING.set(told.append)
    try:
        with pytest.raises(CommandError) as raised:
            calico.build(first_run_with_a_node_away, connected)
    finally:
        WAITING.reset(before)
    assert AWAY in raised.value.message
    said = f"for Calico's API: node {WORKER}.tinychen.io is not Ready (Kubelet stopped posting node status.)"
    assert set(told) == {said}


def test_a_node_that_stays_silent_is_waited_for_as_long_as_a_machine_takes_to_start(
    first_run_with_a_node_away: Run, connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calico, "NETWORK_SECONDS", 600)
    monkeypatch.setattr(silence, "START_SECONDS", 0.2)
    with pytest.raises(CommandError) as raised:
        calico.build(first_run_with_a_node_away, connected)
    assert AWAY in raised.value.message
    assert raised.value.cure.endswith(f"kubectl delete node {WORKER}.tinychen.io")
    (warning,) = first_run_with_a_node_away.warnings
    assert warning.startswith(f"node {WORKER}.tinychen.io was not waited for any longer")


@pytest.mark.parametrize(("returns", "told"), [(True, False), (False, True)])
def test_a_node_that_falls_silent_in_a_standing_cluster_holds_nobody_up_for_long(
    run: Any, connected: KubernetesApi, server: ApiServer, monkeypatch: pytest.MonkeyPatch, *, returns: bool, told: bool
) -> None:
    """Or it comes back, and its calico-node is waited for to the end."""
    monkeypatch.setattr(calico, "NETWORK_SECONDS", 2.0)
    monkeypatch.setattr(silence, "START_SECONDS", 0.3)
    running = run()
    standing(server.state, running, connected)
    server.state.objects[calico.DAEMON_SET]["status"] = ROLLED_OUT | {"numberAvailable": 5}
    nodes(server.state, running.intent)
    not_ready(server.state, f"{WORKER}.tinychen.io", "Unknown", "Kubelet stopped posting node status.")

    def boots() -> None:
        time.sleep(0.1)
        not_ready(server.state, f"{WORKER}.tinychen.io", "False", "container runtime network not ready")

    with ThreadPoolExecutor(1) as later:
        if returns:
            later.submit(boots)
            with pytest.raises(CommandError, match="5 of 6 pods of calico-system/calico-node are available"):
                calico.build(running, connected)
        else:
            assert calico.build(running, connected) == []
    assert bool(running.warnings) is told


def test_a_node_that_this_run_has_lost_is_not_waited_for(
    first_run_with_a_node_away: Run, connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calico, "NETWORK_SECONDS", 600)
    first_run_with_a_node_away.nornir.data.failed_hosts.add(WORKER)
    with pytest.raises(CommandError) as raised:
        calico.build(first_run_with_a_node_away, connected)
    assert AWAY in raised.value.message
    assert raised.value.cure.endswith(f"kubectl delete node {WORKER}.tinychen.io")


def test_where_calicos_own_definitions_stand_its_bgp_configuration_comes_before_calico_node(
    run: Any, connected: KubernetesApi, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then bindMode restarts nobody."""
    monkeypatch.setitem(SERVED, f"/apis/{calico.STORED}", [("bgpconfigurations", "BGPConfiguration", False)])
    restarts_awaited: list[list[str]] = []
    wait_for_restart = calico._wait_for_restart

    def noted(api: KubernetesApi, changes: list[Any], before: int | None) -> None:
        restarts_awaited.append([change.what for change in changes if calico._restarts(change)])
        wait_for_restart(api, changes, before)

    monkeypatch.setattr(calico, "_wait_for_restart", noted)
    running = run()
    bare(server.state, running.intent)
    calico.build(running, connected)
    written = [path.removeprefix("/apis/") for path in server.state.written()]
    assert written[2:4] == [
        "crd.projectcalico.org/v1/bgpconfigurations/default",
        "operator.tigera.io/v1/installations/default",
    ]
    assert restarts_awaited == [[]]


def standing(state: State, running: Run, api: KubernetesApi, **labels: str) -> None:
    """A cluster as a first run leaves it."""
    bare(state, running.intent)
    calico.build(running, api)
    nodes(state, running.intent, **labels)
    state.requests.clear()


def test_a_second_run_changes_nothing(run: Any, connected: KubernetesApi, server: ApiServer) -> None:
    for version in ("3.24.5", "3.32.1"):
        standing(server.state, run(version), connected)
        assert calico.build(run(version), connected) == []
        assert server.state.written() == []


def describe(state: State, *fields: str) -> None:
    """The API says of itself which fields a BGPConfiguration has."""
    kind = {"group": "projectcalico.org", "version": "v3", "kind": "BGPConfiguration"}
    properties = {"spec": {"properties": {field: {} for field in fields}}}
    path = "/openapi/v3/apis/projectcalico.org/v3"
    state.objects["/openapi/v3"] = {"paths": {"apis/projectcalico.org/v3": {"serverRelativeURL": path}}}
    state.objects[path] = {
        "components": {"schemas": {"it": {"x-kubernetes-group-version-kind": [kind], "properties": properties}}}
    }


def test_a_field_of_the_version_that_is_upgraded_to_is_planned_and_written_when_its_api_has_come(
    run: Any, connected: KubernetesApi, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calico's own API server is of the version before until the operator has come to it."""
    standing(server.state, run("3.24.5"), connected)
    old = tuple(server.state.objects[CONFIGURATION]["spec"])
    describe(server.state, *old)
    with pytest.raises(RefusedError, match=r"does not have spec\.serviceLoadBalancerAggregation"):
        calico.build(run("3.32.1", dry_run=True), connected)
    planned = calico.build(run("3.32.1", dry_run=True, newer=True), connected)
    assert "BGPConfiguration default" in [change.what for change in planned]
    assert server.state.written() == []
    monkeypatch.setattr(calico, "NETWORK_SECONDS", 5)
    told: list[str] = []

    def comes_later(said: str) -> None:
        told.append(said)
        describe(server.state, *old, "serviceLoadBalancerAggregation")

    monkeypatch.setattr(calico, "waiting", comes_later)
    made = calico.build(run("3.32.1", newer=True), connected)
    assert [change.what for change in made] == [change.what for change in planned]
    assert told
    assert server.state.objects[CONFIGURATION]["spec"]["serviceLoadBalancerAggregation"] == "Enabled"


def test_lost_peers_are_written_before_anything_is_waited_for(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    standing(server.state, run(), connected)
    del server.state.objects[f"{PEERS}/tiny-unraid-peer"]
    server.state.objects[f"{STATUSES}/calico"] = DEGRADED
    changes = calico.build(run(), connected)
    assert [change.what for change in changes] == ["BGPPeer tiny-unraid-peer"]
    assert server.state.objects[f"{STATUSES}/calico"] == AVAILABLE


def test_what_does_not_come_is_told_with_the_operators_words(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    standing(server.state, run(), connected)
    server.state.objects[f"{STATUSES}/calico"] = DEGRADED
    with pytest.raises(CommandError, match="Calico's calico is not available: no peer is established"):
        calico.build(run(), connected)


def test_where_no_router_could_be_configured_no_session_is_waited_for(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    standing(server.state, run(), connected)
    server.state.objects[f"{STATUSES}/calico"] = DEGRADED
    running = run()
    running.nornir.data.failed_hosts |= {router.name for router in running.intent.routers}
    assert calico.build(running, connected) == []


def test_a_node_whose_routers_were_all_lost_is_not_waited_for(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    """It has no session; the others' pods are waited for as ever."""
    standing(server.state, run(**RACK), connected, **{"router.kubepeer.io/tiny-unraid": "true"})
    server.state.objects[f"{STATUSES}/calico"] = DEGRADED
    running = run(**RACK)
    running.nornir.data.failed_hosts.add("openwrt")  # alone serves the workers 5 and 6
    server.state.objects[calico.DAEMON_SET]["status"] = ROLLED_OUT | {"numberAvailable": 4}
    calico.build(running, connected)
    server.state.objects[calico.DAEMON_SET]["status"] = ROLLED_OUT | {"numberAvailable": 3}
    with pytest.raises(CommandError, match="3 of 4 pods of calico-system/calico-node are available"):
        calico.build(running, connected)


def test_a_node_that_has_just_been_lost_is_not_waited_for_once_the_api_knows(
    run: Any, connected: KubernetesApi, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node is told Ready for 40 s after its power was cut: longer than a second run takes to come here."""
    monkeypatch.setattr(calico, "NETWORK_SECONDS", 10)
    standing(server.state, run(), connected)
    running = run()
    lost = running.intent.workers[-1]
    running.nornir.data.failed_hosts.add(lost.name)
    server.state.objects[f"{STATUSES}/calico"] = DEGRADED
    server.state.objects[calico.DAEMON_SET]["status"] = ROLLED_OUT | {"numberAvailable": 5}

    def become_known() -> None:
        time.sleep(0.3)
        nodes(server.state, running.intent)
        items = server.state.objects["/api/v1/nodes"]["items"]
        gone = next(one for one in items if one["metadata"]["name"] == lost.full_name)
        gone["status"]["conditions"][0]["status"] = "Unknown"

    with ThreadPoolExecutor(1) as later:
        later.submit(become_known)
        assert calico.build(running, connected) == []


def test_with_native_kinds_no_api_server_of_calico_is_waited_for(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    standing(server.state, run(), connected)
    del server.state.objects[f"{STATUSES}/apiserver"]
    server.state.objects[calico.NATIVE] = {"metadata": {"name": "bgppeers.projectcalico.org"}}
    assert calico.build(run(), connected) == []


def test_the_restart_that_bind_mode_causes_is_waited_for(run: Any, connected: KubernetesApi, server: ApiServer) -> None:
    standing(server.state, run(), connected)
    del server.state.objects[CONFIGURATION]["spec"]["bindMode"]
    restarting = {"metadata": {"generation": 2}, "status": ROLLED_OUT | {"observedGeneration": 1}}
    server.state.reactions[CONFIGURATION] = lambda: server.state.objects.update({calico.DAEMON_SET: restarting})
    with pytest.raises(CommandError, match="the change of calico-system/calico-node has not been taken up yet"):
        calico.build(run(), connected)


def test_nodes_have_their_label_before_a_peer_refers_to_it(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    standing(server.state, run(), connected)
    calico.build(run(**RACK), connected)
    written = server.state.written()
    assert written.index(NODE) < written.index(f"{PEERS}/tiny-unraid-peer")
    assert server.state.objects[NODE]["metadata"]["labels"] == {"router.kubepeer.io/tiny-unraid": "true"}


def test_a_label_goes_after_the_peer_that_referred_to_it(run: Any, connected: KubernetesApi, server: ApiServer) -> None:
    standing(server.state, run(**RACK), connected, **{"router.kubepeer.io/tiny-unraid": "true"})
    calico.build(run(), connected)
    written = server.state.written()
    assert written[0] == f"{PEERS}/tiny-unraid-peer"
    assert NODE in written


def test_a_peer_and_a_filter_that_are_no_longer_wanted_go_and_those_of_others_stay(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    standing(server.state, run(), connected)
    ours = {"app.kubernetes.io/managed-by": "kubepeer"}
    old = {"metadata": {"name": "old-peer", "labels": ours}, "spec": {"peerIP": "10.31.0.9"}}
    foreign = {"metadata": {"name": "route-reflector"}, "spec": {}}
    server.state.objects[PEERS] = {"items": [old, foreign]}
    server.state.objects[f"{PEERS}/old-peer"] = old
    server.state.objects[f"{V3}/bgpfilters"] = {
        "items": [{"metadata": {"name": "kubepeer-own-blocks", "labels": ours}}]
    }
    server.state.objects[f"{V3}/bgpfilters/kubepeer-own-blocks"] = {"metadata": {"name": "kubepeer-own-blocks"}}
    changes = calico.build(run(), connected)
    assert [(change.what, change.before, change.after) for change in changes] == [
        ("BGPPeer old-peer", "10.31.0.9", None),
        ("BGPFilter kubepeer-own-blocks", "stands", None),
    ]
    assert server.state.written() == [f"{PEERS}/old-peer", f"{V3}/bgpfilters/kubepeer-own-blocks"]


def test_a_dry_run_shows_all_and_writes_nothing(run: Any, connected: KubernetesApi, server: ApiServer) -> None:
    running = run("3.32.1", dry_run=True)
    nodes(server.state, running.intent)
    changes = calico.build(running, connected)
    assert [change.what for change in changes][-4:] == [
        "BGPConfiguration default",
        "BGPFilter kubepeer-own-blocks",
        "BGPPeer openwrt-peer",
        "BGPPeer tiny-unraid-peer",
    ]
    assert server.state.written() == []


def test_a_dry_run_says_what_it_cannot_know_while_calicos_api_does_not_answer(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    standing(server.state, run(), connected)
    server.state.raw[V3] = (503, "the server is currently unable to handle the request")
    fresh = KubernetesApi(server.kubeconfig, server.address, NAME)
    with pytest.raises(
        CommandError, match=r"BGP is not known, its API does not answer: GET .*v3: 503: .* Cure: kubectl"
    ):
        calico.build(run(dry_run=True), fresh)
    assert server.state.written() == []


CRASHED = {
    "name": "tigera-operator",
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}


def test_an_operator_that_crashes_again_and_again_is_not_waited_for_to_the_end(
    run: Any, connected: KubernetesApi, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calico, "ROLLOUT_SECONDS", 60)
    running, asked = run(), []
    bare(server.state, running.intent)
    del server.state.reactions[DEPLOYMENT]
    pod = {"metadata": {"namespace": "tigera-operator", "name": "tigera-operator-7d"}, "spec": {"nodeName": "m1"}}

    def pods(_: Any) -> list[dict[str, Any]]:
        asked.append(1)
        return [pod | {"status": {"containerStatuses": [CRASHED | {"restartCount": len(asked)}]}}]

    monkeypatch.setattr(connected, "items", lambda path: pods(path) if path.endswith("/pods") else [])
    monkeypatch.setattr(connected, "log", lambda *_, previous: "panic: no such kind" if previous else "")
    with pytest.raises(CommandError, match=r"crashes again and again .*its last line: panic: no such kind"):
        calico.build(running, connected)
