"""What cannot end well in the cluster is refused before any host is changed: said once, with its cure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks.cluster import preflight, tasks
from tasks.cluster.api import ATTEMPTS, KubernetesApi
from tasks.cluster.undeclared import written_by_us
from tests.unit.cluster.api_server import ApiServer

OPERATOR = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: tigera-operator, namespace: tigera-operator}
spec: {replicas: 1, template: {spec: {containers: [{name: tigera-operator, args: [-manage-crds=true]}]}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: bgppeers.crd.projectcalico.org}
spec: {group: crd.projectcalico.org}
"""
PURELB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: allocator, namespace: purelb}
spec: {template: {spec: {containers: [{name: allocator}]}}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: servicegroups.purelb.io}
spec: {versions: [{name: v1, served: true}]}
"""
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bgppeers.crd.projectcalico.org"


@pytest.fixture
def run(run_of: Callable[..., Run], intent_of: Callable[..., Intent], folder: Path) -> Callable[..., Run]:
    def make(operator: str = OPERATOR, chosen: list[str] | None = None, **software: Any) -> Run:
        (folder / "operator.yaml").write_text(operator)
        (folder / "purelb.yaml").write_text(PURELB)
        addresses = {"calico": str(folder / "operator.yaml"), "purelb": str(folder / "purelb.yaml")}
        intent = intent_of(
            defaults_file={"data": {"software": {"purelb": "0.6.4", **software}, "manifests": addresses}}
        )
        hosts = [host.name for host in (*intent.nodes, *intent.routers)]
        return run_of(*hosts, intent=intent, chosen=chosen)

    return make


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "api_if_there", lambda _: None)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, connected: KubernetesApi) -> None:
    monkeypatch.setattr(tasks, "api_if_there", lambda _: connected)


def refused(run: Run) -> str:
    try:
        tasks.refuse_early(run)
    except RefusedError as error:
        return str(error)
    return ""


@pytest.mark.usefixtures("nobody")
def test_a_web_page_for_a_manifest_stops_all_hosts_in_the_same_words(run: Any) -> None:
    """Also where the first control plane, in whose name nobody speaks then, was lost before."""
    running = run("<!DOCTYPE html><html>404</html>")
    said = refused(running)
    assert said.startswith("k8s-calico: ")
    assert "operator.yaml is a web page (HTML), no manifest Cure: correct manifests.calico in the inventory" in said
    assert said.endswith("Nothing was changed on any host.")
    assert refused(running) == said


@pytest.mark.usefixtures("nobody")
def test_a_manifest_that_is_not_there_is_told_with_its_address(run: Any, folder: Path) -> None:
    running = run()
    (folder / "operator.yaml").unlink()
    assert "operator.yaml" in refused(running)


@pytest.mark.usefixtures("nobody")
def test_where_nothing_of_the_cluster_is_touched_nothing_is_refused(run: Any) -> None:
    assert refused(run("<html>", chosen=["openwrt"])) == ""


@pytest.mark.usefixtures("nobody")
def test_bare_machines_with_whole_manifests_are_all_clear(run: Any) -> None:
    assert refused(run()) == ""


@pytest.mark.usefixtures("cluster")
def test_a_birth_that_was_cut_off_before_anybody_had_rights_is_gone_on_with(run: Any, server: ApiServer) -> None:
    forbidden = '{"kind": "Status", "message": "deployments.apps is forbidden: User \\"kubernetes-admin\\" cannot get resource"}'
    for path in preflight.ASKED:
        server.state.raw[path] = (403, forbidden)
    assert refused(run()) == ""
    assert "is a web page (HTML)" in refused(run("<!DOCTYPE html><html>404</html>"))


@pytest.mark.usefixtures("cluster")
def test_the_calico_of_somebody_else_is_seen(run: Any, server: ApiServer) -> None:
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node"
    server.state.objects[path] = {"metadata": {"name": "calico-node"}}
    assert "Calico was installed here by manifest (DaemonSet kube-system/calico-node)" in refused(run())
    assert server.state.written() == []


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("manager", ["kubectl", "kubepeer"])
def test_a_definition_of_another_version_is_refused_unless_it_is_ours(
    run: Any, server: ApiServer, manager: str
) -> None:
    server.state.objects[DEFINITION] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "bgppeers.crd.projectcalico.org", "managedFields": [{"manager": manager}]},
        "spec": {"group": "another.example"},
    }
    said = refused(run())
    assert ("the definition bgppeers.crd.projectcalico.org stands here otherwise" in said) is (manager == "kubectl")
    assert server.state.written() == []


@pytest.mark.usefixtures("cluster")
def test_a_definition_that_stands_as_the_manifest_has_it_is_no_reason(run: Any, server: ApiServer) -> None:
    server.state.objects[DEFINITION] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "bgppeers.crd.projectcalico.org"},
        "spec": {"group": "crd.projectcalico.org"},
    }
    assert refused(run()) == ""


PEERS = "/openapi/v3/apis/projectcalico.org/v3"


def described(*fields: str) -> dict[str, Any]:
    """Calico's API as it tells of itself: a BGPPeer with these fields."""
    kind = {"group": "projectcalico.org", "version": "v3", "kind": "BGPPeer"}
    properties: dict[str, Any] = {"spec": {"properties": {field: {} for field in fields}}}
    return {"components": {"schemas": {"peer": {"x-kubernetes-group-version-kind": [kind], "properties": properties}}}}


@pytest.mark.usefixtures("cluster")
def test_a_field_that_the_running_calico_does_not_have_is_refused_before_anything_is_changed(
    run: Any, server: ApiServer
) -> None:
    server.state.objects["/openapi/v3"] = {"paths": {"apis/projectcalico.org/v3": {"serverRelativeURL": PEERS}}}
    server.state.objects[PEERS] = described("peerIP", "asNumber")
    said = refused(run())
    assert (
        "BGPPeer openwrt-peer: the API that runs does not have spec.keepOriginalNextHop: take out of the inventory"
        in said
    )
    assert said.endswith("Nothing was changed on any host.")
    assert server.state.written() == []


@pytest.mark.usefixtures("cluster")
def test_an_object_that_stands_as_wanted_needs_no_description(run: Any, server: ApiServer) -> None:
    running = run()
    for manifest in written_by_us(running.intent):
        if manifest["kind"] == "BGPPeer":
            path = f"/apis/projectcalico.org/v3/bgppeers/{manifest['metadata']['name']}"
            server.state.objects[path] = manifest
    server.state.objects["/openapi/v3"] = {"paths": {"apis/projectcalico.org/v3": {"serverRelativeURL": PEERS}}}
    server.state.objects[PEERS] = described("peerIP")
    assert refused(running) == ""


@pytest.mark.usefixtures("cluster")
def test_a_calico_api_that_does_not_answer_is_asked_once_and_refuses_nothing(run: Any, server: ApiServer) -> None:
    group = "/apis/projectcalico.org/v3"
    server.state.raw[group] = (503, "no endpoints")
    assert refused(run()) == ""
    assert sum(request.path == group for request in server.state.requests) == ATTEMPTS


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("manager", "adopt"), [("kubectl", False), ("kubectl", True), ("kubepeer", False)])
def test_the_operator_of_somebody_else_is_left_alone_unless_told_otherwise(
    run: Any,
    server: ApiServer,
    manager: str,
    adopt: bool,  # noqa: FBT001
) -> None:
    path = "/apis/apps/v1/namespaces/tigera-operator/deployments/tigera-operator"
    server.state.objects[path] = {"metadata": {"name": "tigera-operator", "managedFields": [{"manager": manager}]}}
    said = refused(run(adopt_calico=adopt))
    assert ("Calico was installed here by somebody else" in said) is (manager == "kubectl" and not adopt)
    assert server.state.written() == []
