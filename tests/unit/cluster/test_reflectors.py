"""Route reflectors among the nodes: their label and cluster id, the peer that chooses them, and how both go again."""

from typing import Any

from tasks.cluster import bgp_objects
from tasks.cluster.bgp_objects import StandingNode
from tests.both_families import dual_stack
from tests.conftest import merged

LABEL = "router.kubepeer.io/route_reflectors"
CLUSTER_ID = "projectcalico.org/RouteReflectorClusterID"
REFLECTING = {
    "groups": {
        "control_plane": {"data": {"route_reflector": True}},
        "fabric": {"data": {"cluster": {"bgp": {"topology": "route_reflectors", "reflector_cluster_id": "244.0.0.7"}}}},
    }
}


def told(intent: Any, **standing: StandingNode) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """Node's number -> its labels and annotations."""
    stands = {node.full_name: standing.get(f"n{node.name[-1]}", StandingNode()) for node in intent.nodes}
    return {
        node["metadata"]["name"].partition(".")[0][-1]: (node["metadata"]["labels"], node["metadata"]["annotations"])
        for node in bgp_objects.nodes(intent, stands, keep_labels=False)
    }


def test_reflectors_have_a_label_and_a_cluster_id_and_the_others_nothing(intent_of: Any) -> None:
    assert told(intent_of(**REFLECTING)) == {n: ({LABEL: "true"}, {CLUSTER_ID: "244.0.0.7"}) for n in "123"}


def test_all_nodes_peer_with_them_and_with_the_routers_as_before_and_there_is_no_mesh(intent_of: Any) -> None:
    objects = bgp_objects.bgp(intent_of(**REFLECTING), None)
    (peer,) = (one for one in objects if one["metadata"]["name"] == bgp_objects.REFLECTORS)
    assert peer["spec"] == {"nodeSelector": "all()", "peerSelector": f"has({LABEL})"}
    assert peer["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "kubepeer"}
    (configuration,) = (one for one in objects if one["kind"] == "BGPConfiguration")
    assert configuration["spec"]["nodeToNodeMeshEnabled"] is False
    without = [one["metadata"]["name"] for one in bgp_objects.bgp(intent_of(), None)]
    assert [one["metadata"]["name"] for one in objects] == [*without, bgp_objects.REFLECTORS]


def test_a_node_that_reflects_no_more_loses_both(intent_of: Any) -> None:
    was = bgp_objects.standing_node({"labels": {LABEL: "true", "zone": "a"}, "annotations": {CLUSTER_ID: "244.0.0.1"}})
    assert was == StandingNode(reflects=True, labels=frozenset({LABEL}))
    assert told(intent_of(), n2=was) == {"2": ({}, {})}


def test_one_peer_chooses_them_in_both_families(intent_of: Any) -> None:
    """Calico makes of a peerSelector a session with each address that a node has (calico: confd, nodeAsBGPPeers)."""
    objects = bgp_objects.bgp(intent_of(**merged(dual_stack(), REFLECTING)), None)
    chosen = [one["metadata"]["name"] for one in objects if "peerSelector" in one.get("spec", {})]
    assert chosen == [bgp_objects.REFLECTORS]
