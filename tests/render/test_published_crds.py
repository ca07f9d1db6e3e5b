"""Calico's objects against the CRDs that the project and its operator have published, for each version that lies beside the checkout."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer import versions
from kubepeer.intent import Intent
from tasks.cluster import objects
from tests.crds import crds
from tests.render.schema import Schema

STORED = "crd.projectcalico.org/v1"  # where an object of projectcalico.org/v3 is kept by Calico's own API server
# all that an inventory may ask of Calico; what a version has not is refused before anything is rendered
EVERYTHING = {"ttl_security": True}
PASSWORD = "tutorial"


@functools.cache
def described(folder: Path) -> Schema:
    return Schema.of_crds(sorted(folder.glob("*.yaml")))


def intent_for(version: str, intent_of: Any) -> Intent:
    """The cluster of the tutorial with that Calico, a Kubernetes it was tested with, and all that it can be asked for."""
    kubernetes = max(filter(is_built, versions.calico(version).tested), key=versions.number, default="1.26")
    asked = EVERYTHING if versions.has("calico", version, "BGPPeer.ttlSecurity") else {}
    racks = {f"k8s-calico-worker-10-31-90-{number}": {"data": {"routers": ["openwrt"]}} for number in (5, 6)}
    intent: Intent = intent_of(
        "today",
        defaults_file={"data": {"software": {"kubernetes": f"{kubernetes}.0", "calico": version}}},
        groups={
            "routers": {"data": {"peering": asked}},
            "fabric": {"data": {"cluster": {"bgp": {"restart_seconds": 60}}}},
        },
        hosts=racks,
    )
    return intent


def is_built(minor: str) -> bool:
    return versions.is_supported("kubernetes", f"{minor}.0")


def ours(folder: Path, intent_of: Any) -> Iterator[tuple[str, dict[str, Any], Schema]]:
    """Every object that Calico or its operator reads, with the description that judges it: of the stored form, and of the served one."""
    version, schema = folder.name.removeprefix("calico-"), described(folder)
    intent = intent_for(version, intent_of)
    for manifest in [*objects.calico(intent), *objects.bgp(intent, PASSWORD)]:
        group = str(manifest["apiVersion"]).partition("/")[0]
        if group == "projectcalico.org":
            yield version, {**manifest, "apiVersion": STORED}, schema
            if versions.has("calico", version, "native v3 CRDs"):
                yield version, manifest, schema
        elif group == "operator.tigera.io":
            yield version, manifest, schema


def test_every_object_for_calico_is_one_that_its_version_describes(intent_of: Any) -> None:
    said, kinds = [], set()
    for folder in crds():
        for version, manifest, schema in ours(folder, intent_of):
            name = f"{version} {manifest['apiVersion']} {manifest['kind']} {manifest['metadata']['name']}"
            kinds.add((version, manifest["kind"]))
            if not schema.serves(manifest):
                said.append(f"{name}: no such kind")
            else:
                said += [f"{name}: {line}" for line in schema.complaints(manifest)]
    assert said == []
    tried = {folder.name.removeprefix("calico-") for folder in crds()}
    assert {"3.24.5", "3.32.1"} <= tried
    for kind in ("Installation", "APIServer", "BGPConfiguration", "BGPPeer"):
        assert {version for version, named in kinds if named == kind} == tried


@pytest.mark.parametrize(
    ("version", "edit", "says"),
    [
        pytest.param("3.24.5", {"ttlSecurity": 1}, ".spec.ttlSecurity is unknown", id="field_of_a_later_version"),
        pytest.param("3.32.1", {"asNumber": 1 << 31}, ".spec.asNumber: 2147483648 is more than 2147483647", id="as"),
        pytest.param("3.32.1", {"peerIP": 7}, ".spec.peerIP: 7 is no string", id="number_for_a_text"),
    ],
)
def test_the_published_crds_would_say_no(version: str, edit: dict[str, Any], says: str, intent_of: Any) -> None:
    folder = next(folder for folder in crds() if folder.name == f"calico-{version}")
    _, peer, schema = next(one for one in ours(folder, intent_of) if one[1]["kind"] == "BGPPeer")
    assert says in schema.complaints({**peer, "spec": {**peer["spec"], **edit}})
