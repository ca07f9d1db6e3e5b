"""MetalLB's objects against the definitions of its own module, where the lab has downloaded it; they are not ours to copy."""

from pathlib import Path
from typing import Any

import pytest

from lab.build import metallb as build
from lab.places import Cache
from tasks.cluster.balancers import provided
from tasks.cluster.balancers.metallb import SPEAKER, bgp_of
from tasks.cluster.documents import documents
from tests.render.schema import Schema
from tests.render.variants import VARIANTS

SPOKEN = {"Secret", "BFDProfile", "Community", "BGPPeer", "IPAddressPool", "BGPAdvertisement"}


@pytest.fixture(scope="module")
def module(cache: Cache) -> Path:
    folder = build.source(cache)
    if not folder.is_dir():
        pytest.skip("MetalLB is not here, of the lab's optional programs: python -m lab package metallb")
    return folder


@pytest.fixture(scope="module")
def schema(module: Path) -> Schema:
    return Schema.of_crds(sorted((module / "config/crd/bases").glob("*.yaml")))


def objects(variant: str, intent_of: Any) -> list[dict[str, Any]]:
    intent = intent_of(**VARIANTS[variant])
    return provided.of(intent).objects(intent, "tutorial")


@pytest.mark.parametrize(("variant", "kinds"), [("metallb-allocates", {"IPAddressPool"}), ("metallb-speaks", SPOKEN)])
def test_every_object_is_one_that_metallb_describes(
    variant: str, kinds: set[str], schema: Schema, intent_of: Any
) -> None:
    found = objects(variant, intent_of)
    assert {one["kind"] for one in found} == kinds
    own = [one for one in found if one["apiVersion"].startswith("metallb.io/")]
    assert all(schema.serves(one) for one in own)
    assert [line for one in own for line in schema.complaints(one)] == []


def test_the_definitions_would_say_no(schema: Schema, intent_of: Any) -> None:
    peer = next(one for one in objects("metallb-speaks", intent_of) if one["kind"] == "BGPPeer")
    assert schema.complaints({**peer, "spec": {**peer["spec"], "peer-address": "a"}}) == [
        ".spec.peer-address is unknown"
    ]


def test_of_its_own_manifest_the_controller_alone_is_kept_where_calico_announces(module: Path, intent_of: Any) -> None:
    manifest = documents((module / "config/manifests" / build.MANIFEST).read_text(encoding="utf-8"))
    kept = {}
    for variant in ("metallb-allocates", "metallb-speaks"):
        intent = intent_of(**VARIANTS[variant])
        balancer = provided.of(intent)
        kept[variant] = [one["kind"] for one in balancer.kept(intent, manifest)]
        reasons = balancer.reasons(intent, manifest)
        # the variant that speaks names the other kind of BGP, and a Kubernetes that does not take this version's own BGPPeer
        said = [reason.partition(":")[0] for reason in reasons]
        assert said == ([] if variant == "metallb-allocates" else SAID_OF_THE_SPEAKER)
    assert len(kept["metallb-speaks"]) == len(manifest)
    assert len(kept["metallb-allocates"]) == len(manifest) - 1
    assert "DaemonSet" not in kept["metallb-allocates"]


SAID_OF_THE_SPEAKER = [
    "manifests.metallb has speakers with native BGP, load_balancer.bgp is frr-k8s",
    "manifests.metallb defines the AS numbers of a BGPPeer as int32 with a larger maximum, and Kubernetes 1.36.3 takes no such object",
]


@pytest.mark.parametrize(("kind", "bgp"), [("native", "native"), ("frr", "frr"), ("frr-k8s", "frr-k8s")])
def test_what_the_speakers_speak_with_is_read_from_each_of_its_manifests(kind: str, bgp: str, module: Path) -> None:
    every = documents((module / f"config/manifests/metallb-{kind}.yaml").read_text(encoding="utf-8"))
    (speaker,) = (one for one in every if (one["kind"], one["metadata"]["name"]) == (SPEAKER.kind, SPEAKER.name))
    assert bgp_of(speaker) == bgp
