"""What the API would make of objects, against what stands: on a real server that remembers."""

import copy
import json
from typing import Any

import pytest

from kubepeer.errors import RefusedError
from tasks.cluster.api import KubernetesApi
from tasks.cluster.differences import as_text, name_of, plan_object, plan_objects, store
from tasks.cluster.refusal import ApiRefusal
from tests.unit.cluster.api_server import ApiServer

PEERS = "/apis/projectcalico.org/v3/bgppeers"
PEER = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "openwrt-peer", "labels": {"app.kubernetes.io/managed-by": "kubepeer"}},
    "spec": {"peerIP": "10.31.254.253", "asNumber": 64512},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "nginx-quic"},
    "spec": {"type": "ClusterIP"},
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "bgp", "namespace": "calico-system"},
    "stringData": {"p": "x"},
}
UNSERVED = {"apiVersion": "operator.tigera.io/v1", "kind": "Installation", "metadata": {"name": "default"}, "spec": {}}


def standing(connected: KubernetesApi, server: ApiServer, manifest: dict[str, Any], **spec: Any) -> str:
    """Store an object as somebody might have left it; give its path."""
    path = str(connected.path_of(manifest))
    edited = copy.deepcopy(manifest)
    if spec:
        edited["spec"] |= spec
    edited["metadata"] |= {"uid": "1", "resourceVersion": "7", "generation": 3, "managedFields": [{}]}
    server.state.objects[path] = edited
    return path


def test_without_an_api_everything_is_new_in_the_given_order() -> None:
    planned = plan_objects(None, [SERVICE, PEER])
    assert [(change.what, change.before) for _, change in planned] == [
        ("Service nginx-quic/web", None),
        ("BGPPeer openwrt-peer", None),
    ]


def test_an_object_that_stands_as_wanted_is_no_change(connected: KubernetesApi, server: ApiServer) -> None:
    for manifest in (PEER, SERVICE):
        standing(connected, server, manifest)
    assert plan_objects(connected, [PEER, SERVICE]) == []


def test_what_the_api_keeps_for_itself_and_the_status_are_no_change(
    connected: KubernetesApi, server: ApiServer
) -> None:
    path = standing(connected, server, SERVICE)
    server.state.objects[path]["status"] = {"loadBalancer": {}}
    assert plan_object(connected, SERVICE) is None


def test_an_object_that_is_not_there_is_new_and_nothing_is_stored(connected: KubernetesApi, server: ApiServer) -> None:
    change = plan_object(connected, PEER)
    assert change is not None
    assert (change.before, change.after) == (None, as_text(PEER))
    assert server.state.objects == {}


def test_a_field_that_differs_is_shown_and_nothing_is_stored(connected: KubernetesApi, server: ApiServer) -> None:
    path = standing(connected, server, SERVICE, type="NodePort")
    change = plan_object(connected, SERVICE)
    assert change is not None
    assert "-  type: NodePort\n+  type: ClusterIP" in change.diff
    assert server.state.objects[path]["spec"]["type"] == "NodePort"


def test_a_field_of_somebody_else_in_a_shared_object_is_left_alone(connected: KubernetesApi, server: ApiServer) -> None:
    path = standing(connected, server, SERVICE, sessionAffinity="ClientIP")
    assert plan_object(connected, SERVICE) is None
    store(connected, SERVICE, server.state.objects[path], dry_run=False)
    assert server.state.objects[path]["spec"]["sessionAffinity"] == "ClientIP"


def test_a_field_that_somebody_added_to_what_is_ours_as_a_whole_is_seen_and_taken_away(
    connected: KubernetesApi, server: ApiServer
) -> None:
    path = standing(connected, server, PEER, nodeSelector="rack == 'a'")
    change = plan_object(connected, PEER)
    assert change is not None
    assert "-  nodeSelector: rack == 'a'" in change.diff
    assert "nodeSelector" in server.state.objects[path]["spec"]
    store(connected, PEER, connected.get(path), dry_run=False)
    assert server.state.objects[path]["spec"] == PEER["spec"]
    assert plan_object(connected, PEER) is None


def test_what_is_replaced_keeps_its_identity_and_the_labels_of_others(
    connected: KubernetesApi, server: ApiServer
) -> None:
    path = standing(connected, server, PEER)
    server.state.objects[path]["metadata"]["labels"]["team"] = "network"
    store(connected, PEER, connected.get(path), dry_run=False)
    metadata = server.state.objects[path]["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "kubepeer", "team": "network"}
    assert metadata["uid"] == "1"
    last = server.state.requests[-1]
    assert (last.method, last.query) == ("PUT", {"fieldManager": "kubepeer"})


def test_the_first_of_what_is_ours_as_a_whole_is_applied(connected: KubernetesApi, server: ApiServer) -> None:
    store(connected, PEER, None, dry_run=False)
    assert server.state.requests[-1].method == "PATCH"
    assert server.state.objects[f"{PEERS}/openwrt-peer"]["spec"] == PEER["spec"]


def test_a_kind_that_is_not_served_yet_is_new(connected: KubernetesApi) -> None:
    change = plan_object(connected, UNSERVED)
    assert change is not None
    assert (change.what, change.before) == ("Installation default", None)


def test_a_secret_is_never_shown(connected: KubernetesApi, server: ApiServer) -> None:
    new = plan_object(connected, SECRET)
    path = standing(connected, server, SECRET)
    server.state.objects[path]["data"] = {"p": "another"}
    changed = plan_object(connected, SECRET)
    assert new is not None
    assert changed is not None
    assert new.diff == changed.diff == "~ Secret calico-system/bgp (secret: not shown)"


def test_a_secret_is_not_shown_where_no_api_runs_either() -> None:
    [(_, change)] = plan_objects(None, [SECRET])
    assert change.diff == "~ Secret calico-system/bgp (secret: not shown)"


def test_a_refusal_of_the_dry_run_is_told(connected: KubernetesApi, server: ApiServer) -> None:
    standing(connected, server, SERVICE)
    server.state.faults = [None, 422]
    with pytest.raises(ApiRefusal) as raised:
        plan_object(connected, SERVICE)
    assert raised.value.status == 422
    assert server.state.methods()[-2:] == ["GET", "PATCH"]


DESCRIBED = "/openapi/v3/apis/projectcalico.org/v3"
TEXT = {"type": "string"}


def describe(server: ApiServer) -> None:
    """The API says of itself which fields a BGPPeer of 3.24 has."""
    kind = {"group": "projectcalico.org", "version": "v3", "kind": "BGPPeer"}
    spec = {"properties": {"peerIP": TEXT, "asNumber": {"type": "integer"}, "nodeSelector": TEXT}}
    peer = {"x-kubernetes-group-version-kind": [kind], "properties": {"spec": spec}}
    paths = {"apis/projectcalico.org/v3": {"serverRelativeURL": f"{DESCRIBED}?hash=1"}}
    server.state.objects |= {"/openapi/v3": {"paths": paths}, DESCRIBED: {"components": {"schemas": {"peer": peer}}}}


def with_ttl_security() -> dict[str, Any]:
    peer = copy.deepcopy(PEER)
    peer["spec"]["ttlSecurity"] = 1  # type: ignore[index]
    return peer


@pytest.mark.parametrize("there", [True, False])
def test_a_field_that_the_version_does_not_declare_is_refused_before_it_is_sent(
    connected: KubernetesApi, server: ApiServer, *, there: bool
) -> None:
    describe(server)
    if there:
        standing(connected, server, PEER)
    with pytest.raises(RefusedError, match=r"BGPPeer openwrt-peer: .* does not have spec\.ttlSecurity") as raised:
        plan_object(connected, with_ttl_security())
    assert "BGPPeer.ttlSecurity is there from Calico 3.25.0 on" in raised.value.cure
    assert set(server.state.methods()) == {"GET"}


def test_what_the_description_does_not_tell_is_left_to_the_api(connected: KubernetesApi, server: ApiServer) -> None:
    path = standing(connected, server, PEER)
    store(connected, with_ttl_security(), connected.get(path), dry_run=False)
    assert server.state.objects[path]["spec"]["ttlSecurity"] == 1


def test_a_field_that_is_not_in_the_schema_is_no_passing_fault(connected: KubernetesApi, server: ApiServer) -> None:
    path = standing(connected, server, SERVICE)
    message = "failed to create typed patch object: .spec.x: field not declared in schema"
    server.state.raw[path] = (500, json.dumps({"message": message}))
    with pytest.raises(ApiRefusal, match="field not declared in schema"):
        connected.apply(SERVICE, dry_run=True)
    assert server.state.methods()[-1:] == ["PATCH"]
    assert server.state.methods().count("PATCH") == 1


def test_when_somebody_writes_in_between_it_is_read_again_and_his_fields_stay(
    connected: KubernetesApi, server: ApiServer
) -> None:
    configuration = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "BGPConfiguration",
        "metadata": {"name": "default"},
        "spec": {"asNumber": 64517},
    }
    path = standing(connected, server, configuration, asNumber=1)
    read = connected.get(path)
    server.state.objects[path]["spec"]["programClusterRoutes"] = "Enabled"  # the operator
    server.state.faults = [409]
    store(connected, configuration, read, dry_run=False)
    assert server.state.objects[path]["spec"] == {"asNumber": 64517, "programClusterRoutes": "Enabled"}
    assert server.state.methods()[-3:] == ["PUT", "GET", "PUT"]


def test_an_apply_that_meets_an_operators_write_is_said_again(connected: KubernetesApi, server: ApiServer) -> None:
    path = standing(connected, server, SERVICE, type="NodePort")
    server.state.faults = [409]
    store(connected, SERVICE, server.state.objects[path], dry_run=False)
    assert server.state.objects[path]["spec"]["type"] == "ClusterIP"


def test_a_secret_that_stands_as_the_api_keeps_it_is_no_change(connected: KubernetesApi, server: ApiServer) -> None:
    path = standing(connected, server, SECRET)
    server.state.objects[path] = {k: v for k, v in server.state.objects[path].items() if k != "stringData"}
    server.state.objects[path]["data"] = {"p": "eA=="}
    assert plan_object(connected, SECRET) is None
    server.state.objects[path]["data"] = {"p": "eQ=="}
    assert plan_object(connected, SECRET) is not None


def test_a_name_is_said_with_its_kind_and_namespace() -> None:
    assert (name_of(SERVICE), name_of(PEER)) == ("Service nginx-quic/web", "BGPPeer openwrt-peer")


NEWER = {**PEER, "spec": {**PEER["spec"], "ttlSecurity": 1}}
DEFINING = {
    "kind": "CustomResourceDefinition",
    "spec": {
        "group": "crd.projectcalico.org",
        "names": {"kind": "BGPPeer"},
        "versions": [
            {
                "name": "v1",
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"properties": {"spec": {"properties": {key: {} for key in NEWER["spec"]}}}}
                },
            }
        ],
    },
}


def test_a_field_that_comes_with_a_version_before_the_object_is_written_is_planned(
    connected: KubernetesApi, server: ApiServer
) -> None:
    standing(connected, server, PEER)
    describe(server)
    with pytest.raises(RefusedError, match=r"does not have spec\.ttlSecurity"):
        plan_object(connected, NEWER)
    for coming in ([DEFINING], []):
        change = plan_object(connected, NEWER, coming)
        assert change is not None
        assert "+  ttlSecurity: 1" in change.diff
    unfit = {**NEWER, "spec": {**NEWER["spec"], "another": 2}}
    with pytest.raises(RefusedError, match=r"spec\.another"):
        plan_object(connected, unfit, [DEFINING])
    assert plan_object(connected, PEER, [DEFINING]) is None
