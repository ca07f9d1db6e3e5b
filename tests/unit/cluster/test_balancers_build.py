"""In which order a load balancer is told what: its controller first, what is told once it admits it, and its speakers at the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.errors import CommandError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import apply, waits
from tasks.cluster.api import KubernetesApi
from tasks.cluster.balancers import build, metallb
from tests.unit.cluster import api_server
from tests.unit.cluster.api_server import ApiServer

KINDS = {
    "v1beta1": [
        ("ipaddresspools", "IPAddressPool", True),
        ("bgpadvertisements", "BGPAdvertisement", True),
        ("communities", "Community", True),
        ("bfdprofiles", "BFDProfile", True),
    ],
    "v1beta2": [("bgppeers", "BGPPeer", True)],
}
APPS = [("deployments", "Deployment", True), ("daemonsets", "DaemonSet", True)]
OURS = "/apis/metallb.io/v1beta1/namespaces/metallb-system"
POOL = f"{OURS}/ipaddresspools/kubepeer"
LISTED = f"{OURS}/ipaddresspools"
SECRET = "/api/v1/namespaces/metallb-system/secrets/kubepeer-bgp"


def workload(kind: str, name: str) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": name, "image": f"quay.io/metallb/{name}:v0.15.2"}]}}
    metadata = {"name": name, "namespace": "metallb-system"}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"replicas": 1, "template": pod}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has not come with the write that it follows does not come at all; and the server knows MetalLB's kinds."""
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0)
    for module, name in ((build, "ADMITTED"), (build, "ROLLOUT"), (apply, "SERVED")):
        monkeypatch.setattr(module, f"{name}_SECONDS", 0.02)
    served = {f"/apis/metallb.io/{version}": kinds for version, kinds in KINDS.items()} | {"/apis/apps/v1": APPS}
    monkeypatch.setattr(api_server, "SERVED", api_server.SERVED | served)


@pytest.fixture
def run(run_of: Callable[..., Run], intent_of: Callable[..., Intent], folder: Path) -> Callable[..., Run]:
    def make(*, dry_run: bool = False, **load_balancer: Any) -> Run:
        manifest = [workload("Deployment", "controller"), workload("DaemonSet", "speaker")]
        (folder / "metallb.yaml").write_text(yaml.safe_dump_all(manifest))
        data = {
            "software": {"metallb": "0.15.2"},
            "manifests": {"metallb": str(folder / "metallb.yaml")},
            "load_balancer": {"provider": "metallb", **load_balancer},
        }
        intent = intent_of(defaults_file={"data": data})
        return run_of(*[host.name for host in (*intent.nodes, *intent.routers)], intent=intent, dry_run=dry_run)

    return make


def runs(server: ApiServer) -> None:
    """Its pods come with the write of what asks for them."""

    def deployed() -> None:
        server.state.objects[metallb.CONTROLLER.path]["status"] = {"availableReplicas": 1, "updatedReplicas": 1}

    def on_nodes() -> None:
        status = {"desiredNumberScheduled": 6, "updatedNumberScheduled": 6, "numberAvailable": 6}
        server.state.objects[metallb.SPEAKER.path]["status"] = status

    server.state.reactions |= {metallb.CONTROLLER.path: deployed, metallb.SPEAKER.path: on_nodes}


def test_an_allocator_has_its_controller_and_a_pool(run: Any, connected: KubernetesApi, server: ApiServer) -> None:
    runs(server)
    changes = build.build(run(), connected)
    assert server.state.written() == [metallb.CONTROLLER.path, POOL]
    assert [change.what for change in changes] == [
        "Deployment metallb-system/controller",
        "IPAddressPool metallb-system/kubepeer",
    ]


def test_a_speaker_is_told_its_peers_before_what_it_announces(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    runs(server)
    build.build(run(announced_by="metallb", communities=["64517:80"]), connected)
    written = [path.removeprefix("/apis/metallb.io/") for path in server.state.written()]
    assert written == [
        metallb.CONTROLLER.path,
        metallb.SPEAKER.path,
        "v1beta1/namespaces/metallb-system/communities/kubepeer",
        "v1beta2/namespaces/metallb-system/bgppeers/openwrt",
        "v1beta2/namespaces/metallb-system/bgppeers/tiny-unraid",
        "v1beta1/namespaces/metallb-system/ipaddresspools/kubepeer",
        "v1beta1/namespaces/metallb-system/bgpadvertisements/kubepeer",
    ]


def test_what_of_ours_is_no_longer_wanted_goes(run: Any, connected: KubernetesApi, server: ApiServer) -> None:
    runs(server)
    labels = {"app.kubernetes.io/managed-by": "kubepeer"}
    former = {"metadata": {"name": "former", "namespace": "metallb-system", "labels": labels}, "spec": {}}
    others = {"metadata": {"name": "others", "namespace": "metallb-system"}, "spec": {}}
    server.state.objects[LISTED] = {"items": [former, others]}
    server.state.objects[f"{OURS}/ipaddresspools/former"] = former
    changes = build.build(run(), connected)
    assert [path for path in server.state.written() if "former" in path or "others" in path] == [f"{LISTED}/former"]
    assert server.state.written()[-1] == f"{OURS}/ipaddresspools/former"
    assert changes[-1].what == "IPAddressPool metallb-system/former"


def test_a_webhook_that_does_not_answer_is_waited_for_and_told(
    run: Any, connected: KubernetesApi, server: ApiServer
) -> None:
    runs(server)
    said = '{"message": "failed calling webhook: x509: certificate signed by unknown authority"}'
    server.state.raw[POOL] = (500, said)
    with pytest.raises(CommandError) as raised:
        build.build(run(), connected)
    assert "failed calling webhook" in raised.value.message
    assert server.state.written() == [metallb.CONTROLLER.path]


def test_a_dry_run_waits_for_nothing_and_writes_nothing(run: Any, connected: KubernetesApi, server: ApiServer) -> None:
    changes = build.build(run(dry_run=True, announced_by="metallb"), connected)
    assert server.state.written() == []
    assert {change.what.split()[0] for change in changes} >= {"Deployment", "DaemonSet", "BGPPeer", "BGPAdvertisement"}
