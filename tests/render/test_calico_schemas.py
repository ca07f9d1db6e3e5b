"""The objects that Calico is told by, against the definitions of its releases, the oldest and the newest that Kubepeer builds.

The definitions are the projects' own and not part of this one: KUBEPEER_CALICO_CRDS names the folder that holds one folder a release
(calico-3.24.5, ...), each with its CustomResourceDefinitions as files; ../shared/crds beside the checkout where it is not set.
"""

import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.cluster import objects
from tasks.cluster.schema import undeclared
from tests.conftest import CHECKOUT, LOADER, unavailable

FOLDER = Path(os.environ.get("KUBEPEER_CALICO_CRDS", CHECKOUT.parent / "shared" / "crds"))
RELEASES = ("3.24.5", "3.28.5", "3.30.7", "3.31.7", "3.32.1")
GROUPS = {
    "projectcalico.org/v3": ("crd.projectcalico.org", "projectcalico.org"),
    "operator.tigera.io/v1": ("operator.tigera.io",),
}
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "boolean": bool, "number": (int, float), "array": list, "object": dict,
}  # fmt: skip


@functools.cache
def definitions(release: str) -> list[dict[str, Any]]:
    folder = FOLDER / f"calico-{release}"
    if not folder.is_dir():
        unavailable(f"the definitions of Calico {release} are not in {FOLDER}: set KUBEPEER_CALICO_CRDS")
    files = sorted(folder.glob("*.yaml"))
    return [yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER) for file in files]  # noqa: S506  a safe loader, by libyaml


def schemas(release: str, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The schemas of a kind: behind the aggregated API, and from 3.32 on that of the API itself."""
    found = [
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for definition in definitions(release)
        if definition["spec"]["names"]["kind"] == manifest["kind"]
        and definition["spec"]["group"] in GROUPS.get(manifest["apiVersion"], ())
    ]
    assert found or manifest["apiVersion"] not in GROUPS
    return found


def complaints(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    """What the API server would say by type, enumeration and length; unknown fields are found by `undeclared`."""
    wanted = TYPES.get(schema.get("type", ""))
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
        yield f"{path}: {value!r} is no {schema['type']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if len(value) > schema.get("maxLength", len(value)) if isinstance(value, str) else False:
        yield f"{path}: is longer than {schema['maxLength']}"
    if isinstance(value, dict):
        yield from (f"{path}.{key} is missing" for key in schema.get("required", ()) if key not in value)
        for key, below in value.items():
            yield from complaints(schema.get("properties", {}).get(key, {}), below, f"{path}.{key}")
    if isinstance(value, list):
        for item in value:
            yield from complaints(schema.get("items", {}), item, path)


def described(schema: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A schema as the API describes a kind."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    kind = {"group": group, "version": version, "kind": manifest["kind"]}
    return {"components": {"schemas": {"it": {**schema, "x-kubernetes-group-version-kind": [kind]}}}}


@pytest.mark.parametrize("release", RELEASES)
def test_what_calico_is_told_fits_the_definitions_of_its_release(release: str, intent_of: Any) -> None:
    hosts = {
        f"k8s-calico-worker-10-31-90-{n}": {"data": {"as_number": 4200000001, "routers": ["openwrt"]}} for n in (5, 6)
    }
    bgp = {"groups": {"fabric": {"data": {"cluster": {"bgp": {"restart_seconds": 60}}}}}}
    intent = intent_of(defaults_file={"data": {"software": {"calico": release}}}, hosts=hosts, **bgp)
    seen = set()
    for manifest in (*objects.calico(intent), *objects.bgp(intent, "tutorial")):
        for schema in schemas(release, manifest):
            seen.add(manifest["kind"])
            assert undeclared(manifest, described(schema, manifest)) == []
            assert list(complaints(schema["properties"]["spec"], manifest["spec"], "spec")) == []
    filters = {"BGPFilter"} if release != "3.24.5" else set()
    assert seen == {"Installation", "APIServer", "BGPConfiguration", "BGPPeer"} | filters


def test_a_field_of_a_later_release_would_be_found(intent_of: Any) -> None:
    intent = intent_of(defaults_file={"data": {"software": {"calico": "3.24.5"}}})
    peer = next(manifest for manifest in objects.bgp(intent, None) if manifest["kind"] == "BGPPeer")
    peer["spec"]["ttlSecurity"] = 1
    (schema,) = schemas("3.24.5", peer)
    assert undeclared(peer, described(schema, peer)) == ["spec.ttlSecurity"]
