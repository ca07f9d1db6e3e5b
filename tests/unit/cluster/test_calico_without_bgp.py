"""Calico beside a load balancer that speaks BGP itself: told nothing of BGP, and what it was told of it before goes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import calico
from tasks.cluster.api import KubernetesApi
from tests.unit.cluster.api_server import ApiServer
from tests.unit.cluster.test_cluster_calico import OPERATOR, at_once, bare, calico_runs, nodes, operator_runs

assert at_once  # a fixture of this module, too
INSTALLATION, SERVER = (f"/apis/operator.tigera.io/v1/{one}/default" for one in ("installations", "apiservers"))
FORMER = f"{calico.PEERS_PATH}/openwrt-peer"


@pytest.fixture
def run(run_of: Callable[..., Run], intent_of: Callable[..., Intent], folder: Path) -> Run:
    (folder / "operator.yaml").write_text(OPERATOR)
    data: dict[str, Any] = {
        "software": {"calico": "3.32.1", "metallb": "0.16.2"},
        "manifests": {"calico": str(folder / "operator.yaml"), "metallb": "metallb-native.yaml"},
        "load_balancer": {"provider": "metallb", "announced_by": "metallb"},
    }
    intent = intent_of(defaults_file={"data": data})
    return run_of(*[host.name for host in (*intent.nodes, *intent.routers)], intent=intent, dry_run=False)


def available(server: ApiServer) -> None:
    path = "/apis/operator.tigera.io/v1/tigerastatuses"
    status = {"status": {"conditions": [{"type": "Available", "status": "True"}]}}
    server.state.objects |= {f"{path}/{name}": status for name in ("apiserver", "calico")}


def test_on_a_bare_cluster_nothing_of_bgp_is_written(run: Run, connected: KubernetesApi, server: ApiServer) -> None:
    bare(server.state, run.intent)

    def comes() -> None:
        calico_runs(server.state)
        available(server)

    server.state.reactions[SERVER] = comes
    calico.build(run, connected)
    assert [path for path in server.state.written() if "projectcalico.org" in path] == []
    network = server.state.objects[INSTALLATION]["spec"]["calicoNetwork"]
    assert (network["bgp"], [pool["encapsulation"] for pool in network["ipPools"]]) == ("Disabled", ["VXLAN"])


def test_peers_of_ours_from_before_go(run: Run, connected: KubernetesApi, server: ApiServer) -> None:
    nodes(server.state, run.intent)
    calico_runs(server.state)
    available(server)
    labels = {"app.kubernetes.io/managed-by": "kubepeer"}
    former = {"metadata": {"name": "openwrt-peer", "labels": labels}, "spec": {"peerIP": "10.31.254.253"}}
    server.state.objects |= {FORMER: former, calico.PEERS_PATH: {"items": [former]}}
    server.state.reactions["/apis/apps/v1/namespaces/tigera-operator/deployments/tigera-operator"] = lambda: (
        operator_runs(server.state)
    )
    calico.build(run, connected)
    assert [path for path in server.state.written() if "projectcalico.org" in path] == [FORMER]
