"""Calico's objects against the CRDs that the project and its operator have published, for each version that lies beside the checkout."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer import versions
from kubepeer.intent import Intent
from kubepeer.intent.bgp_features import AGGREGATION
from kubepeer.intent.pool_rules import SEVERAL
from tasks.cluster import bgp_objects, objects
from tasks.cluster import undeclared as undeclared_fields
from tasks.cluster.schema import definition_of, undeclared
from tests.conftest import merged
from tests.crds import crds
from tests.render.schema import Schema

RELEASES = ("3.24.5", "3.28.5", "3.30.7", "3.31.7", "3.32.1")
STORED = "crd.projectcalico.org/v1"  # where an object of projectcalico.org/v3 is kept by Calico's own API server
# all that an inventory may ask of Calico; what a version has not is refused before anything is rendered
EVERYTHING = {
    "BGPPeer.ttlSecurity": {"ttl_security": True},
    "BGPPeer.reachableBy": {"nodes": {"reachable_by": "10.31.0.1"}},
    "BGPPeer.filters": {"nodes": {"imports": [{"action": "Accept", "cidr": "10.32.0.0/16", "match": "Equal"}]}},
    "BGPFilter.interface": {"nodes": {"exports": [{"action": "Reject", "interface": "wg*", "source": "RemotePeers"}]}},
    "BGPFilter.prefixLength": {
        "nodes": {"imports": [{"action": "Accept", "cidr": "10.32.0.0/16", "min_length": 17, "max_length": 24}]}
    },
    "BGPPeer.nextHopMode": {"nodes": {"next_hop": "self"}},
    "BGPFilter.communities": {
        "nodes": {
            "exports": [
                {"action": "Reject", "interface": "wg*", "source": "RemotePeers"},
                {"action": "Accept", "cidr": "2001:db8::/32", "max_length": 64},
                {"action": "Accept", "community": "64512:1:2", "as_path": [64512, 64513]},
            ]
        }
    },
}
ALWAYS = {"nodes": {"source_address": "any", "allowed_local_as": 1}}
BGP = {
    "restart_seconds": 60,
    "keepalive_seconds": 2,
    "listen_port": 1790,
    "bind_mode": "None",
    "communities": {"gold": "64517:300", "silver": "64517:300:200"},
    "pod_communities": ["gold"],
    "service_communities": ["silver", "64517:1"],
    "load_balancer_communities": ["gold"],
}
NETWORKS = {
    "external": ["10.33.192.0/18", "192.0.2.0/24"],
    "pod_routing": {"encapsulation": "None", "nat_outgoing": False, "node_selector": 'zone == "a"'},
}
POOLS = {
    "pods": "10.34.0.0/17",
    "pod_subnet": "10.34.0.0/16",
    "further_pools": [
        {"cidr": "10.34.128.0/18", "announced": False, "encapsulation": "IPIP"},
        {"cidr": "10.34.192.0/20", "block_size": 28, "encapsulation": "IPIPCrossSubnet"},
    ],
}
FIELDS = {
    "BGPConfiguration": [
        "asNumber", "bindMode", "communities", "listenPort", "prefixAdvertisements",
        "serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerAggregation", "serviceLoadBalancerIPs",
    ],
    "BGPPeer": [
        "asNumber", "filters", "keepOriginalNextHop", "keepaliveTime", "maxRestartTime", "nextHopMode", "nodeSelector",
        "numAllowedLocalASNumbers", "password", "peerIP", "reachableBy", "sourceAddress", "ttlSecurity",
    ],
    "BGPFilter": ["exportV4", "exportV6", "importV4"],
}  # fmt: skip
FEATURES = {
    "serviceLoadBalancerAggregation": AGGREGATION,
    "filters": "BGPPeer.filters",
    "exportV4": "BGPPeer.filters",
    "importV4": "BGPPeer.filters",
    "exportV6": "BGPFilter.communities",
    "keepaliveTime": "BGPPeer.keepaliveTime",
    "nextHopMode": "BGPPeer.nextHopMode",
    "reachableBy": "BGPPeer.reachableBy",
    "ttlSecurity": "BGPPeer.ttlSecurity",
}
PASSWORD = "tutorial"
Judged = tuple[dict[str, Any], Schema]


@functools.cache
def described(folder: Path) -> Schema:
    return Schema.of_crds(sorted(folder.glob("*.yaml")))


def folder_of(release: str) -> Path:
    return next(folder for folder in crds() if folder.name == f"calico-{release}")


def intent_for(version: str, intent_of: Any) -> Intent:
    """The cluster of the tutorial with that Calico, a Kubernetes it was tested with, and all that it can be asked for."""
    kubernetes = max(filter(is_built, versions.calico(version).tested), key=versions.number, default="1.26")
    asked: dict[str, Any] = ALWAYS
    for feature, keys in EVERYTHING.items():
        asked = merged(asked, keys) if versions.has("calico", version, feature) else asked
    bgp = BGP | {"load_balancer_aggregation": not versions.has("calico", version, AGGREGATION)}
    networks = NETWORKS | (POOLS if versions.has("calico", version, SEVERAL) else {})
    rack = {"data": {"as_number": 4200000001, "routers": ["openwrt"]}}
    intent: Intent = intent_of(
        "today",
        defaults_file={"data": {"software": {"kubernetes": f"{kubernetes}.0", "calico": version}}},
        groups={
            "routers": {"data": {"peering": asked}},
            "fabric": {"data": {"cluster": {"bgp": bgp | {"maximum_prefixes": 2000}, "networks": networks}}},
        },
        hosts={f"k8s-calico-worker-10-31-90-{number}": rack for number in (5, 6)},
    )
    return intent


def is_built(minor: str) -> bool:
    return versions.is_supported("kubernetes", f"{minor}.0")


def ours(version: str, intent_of: Any) -> Iterator[Judged]:
    """Every object that Calico or its operator reads, with the description that judges it: of the stored form, and of the served one."""
    schema, intent = described(folder_of(version)), intent_for(version, intent_of)
    for manifest in [*objects.calico(intent), *bgp_objects.bgp(intent, PASSWORD)]:
        group = str(manifest["apiVersion"]).partition("/")[0]
        if group == "projectcalico.org":
            yield {**manifest, "apiVersion": STORED}, schema
            if versions.has("calico", version, "native v3 CRDs"):
                yield manifest, schema
        elif group == "operator.tigera.io":
            yield manifest, schema


@pytest.mark.parametrize("release", RELEASES)
def test_preflight_finds_every_field_in_the_published_definitions(release: str, intent_of: Any) -> None:
    every = [one for file in sorted(folder_of(release).glob("*.yaml")) for one in objects.documents(file.read_text())]
    intent = intent_for(release, intent_of)
    assert undeclared_fields.reasons(intent, every) == []
    kinds = {one["kind"] for one in undeclared_fields.written_by_us(intent) if definition_of(one, every) is not None}
    assert kinds >= {"Installation", "BGPConfiguration", "BGPPeer"}


def as_the_api_tells(schema: Schema) -> dict[str, Any]:
    """The kinds as an API server of that version would describe them."""
    return {"components": {"schemas": schema.definitions}}


def test_every_version_that_is_at_hand_is_tried() -> None:
    assert [folder.name for folder in crds()] == [f"calico-{release}" for release in RELEASES]


@pytest.mark.parametrize("release", RELEASES)
def test_every_object_for_calico_is_one_that_its_version_describes(release: str, intent_of: Any) -> None:
    said, kinds = [], set()
    for manifest, schema in ours(release, intent_of):
        name = f"{manifest['apiVersion']} {manifest['kind']} {manifest['metadata']['name']}"
        kinds.add(manifest["kind"])
        if not schema.serves(manifest):
            said.append(f"{name}: no such kind")
        else:
            said += [f"{name}: {line}" for line in schema.complaints(manifest)]
            said += [f"{name}: {field} is dropped" for field in undeclared(manifest, as_the_api_tells(schema))]
    assert said == []
    filters = (
        {"BGPFilter"} if described(folder_of(release)).serves({"apiVersion": STORED, "kind": "BGPFilter"}) else set()
    )
    assert kinds == {"Installation", "APIServer", "BGPConfiguration", "BGPPeer"} | filters


def peer_of(release: str, intent_of: Any) -> Judged:
    return next(one for one in ours(release, intent_of) if one[0]["kind"] == "BGPPeer")


@pytest.mark.parametrize(
    ("version", "edit", "says"),
    [
        pytest.param("3.24.5", {"ttlSecurity": 1}, ".spec.ttlSecurity is unknown", id="field_of_a_later_version"),
        pytest.param("3.32.1", {"asNumber": 1 << 31}, ".spec.asNumber: 2147483648 is more than 2147483647", id="as"),
        pytest.param("3.32.1", {"peerIP": 7}, ".spec.peerIP: 7 is no string", id="number_for_a_text"),
    ],
)
def test_the_published_crds_would_say_no(version: str, edit: dict[str, Any], says: str, intent_of: Any) -> None:
    peer, schema = peer_of(version, intent_of)
    assert says in schema.complaints({**peer, "spec": {**peer["spec"], **edit}})


def test_a_field_of_a_later_version_is_found_before_the_api_drops_it(intent_of: Any) -> None:
    peer, schema = peer_of("3.24.5", intent_of)
    later = {**peer, "spec": {**peer["spec"], "ttlSecurity": 1}}
    assert undeclared(later, as_the_api_tells(schema)) == ["spec.ttlSecurity"]


@pytest.mark.parametrize("release", RELEASES)
def test_of_what_a_version_describes_every_field_that_intent_can_ask_for_is_rendered(
    release: str, intent_of: Any
) -> None:
    """What is held against the definitions above is all that there is."""
    fields = {(one["kind"], field) for one, _ in ours(release, intent_of) for field in one.get("spec") or {}}
    wanted = {(kind, field) for kind, known in FIELDS.items() for field in known}
    lacking = {one for one in wanted if one[1] in FEATURES and not versions.has("calico", release, FEATURES[one[1]])}
    by_mode = versions.has("calico", release, "BGPPeer.nextHopMode")  # the two together are refused
    assert wanted - fields == lacking | ({("BGPPeer", "keepOriginalNextHop")} if by_mode else set())
