"""Fields that the versions in the inventory do not have, by versions.yaml and by the definitions in the manifests. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kubepeer import versions
from kubepeer.intent import Intent
from tasks.cluster import bgp_objects, comparison, objects, schema
from tasks.cluster.api import Manifest
from tasks.cluster.balancers import provided

PROJECTS: Mapping[str, versions.Project] = {
    "projectcalico.org": "calico",
    "operator.tigera.io": "calico",
    "purelb.io": "purelb",
    "metallb.io": "metallb",
}


def first_versions(manifest: Manifest, field: str) -> Iterator[tuple[str, str, str]]:
    """The project, the feature's name and the first version that has a field, where the table of versions knows it."""
    project = PROJECTS.get(str(manifest["apiVersion"]).rpartition("/")[0])
    feature = f"{manifest['kind']}.{field.rpartition('.')[2]}"
    if project:
        with suppress(KeyError):  # a field that has always been there
            yield project, feature, versions.since(project, feature)


def how_to_have(manifest: Manifest, missing: Sequence[str]) -> str:
    """The cure of fields that a version does not have: which version has them, where the table of versions knows."""
    known = [
        f"{feature} is there from {versions.NAMES[project]} {first} on"
        for field in missing
        for project, feature, first in first_versions(manifest, field)
    ]
    return "; ".join([*known, "take out of the inventory what asks for it, or upgrade"])


def reasons(intent: Intent, every: Sequence[Manifest]) -> list[str]:
    """Why our objects could not be written as they are.

    Args:
        intent: what is wanted, and of which versions.
        every: the objects of the manifests, among which the definitions of our kinds may be.

    """
    found = []
    for manifest in written_by_us(intent):
        missing = _not_yet(intent, manifest)
        where = "the version in the inventory"
        definition = schema.definition_of(manifest, every)
        if not missing and definition is not None:
            missing = schema.undeclared_by(manifest, definition)
            where = "its definition in the manifests"
        if missing:
            cure = how_to_have(manifest, missing)
            name = f"{manifest['kind']} {manifest['metadata']['name']}"
            found.append(f"{name}: {where} does not have {', '.join(missing)}: {cure}")
    return found


def written_by_us(intent: Intent) -> list[Manifest]:
    """The objects of the projects' own kinds that we write: their fields depend on the version."""
    every = [*objects.calico(intent), *bgp_objects.bgp(intent, None), *provided.of(intent).objects(intent, None)]
    return [manifest for manifest in every if comparison.is_written_by_us(manifest)]


def _not_yet(intent: Intent, manifest: Manifest) -> list[str]:
    """The fields of an object that came with a later version than the inventory's."""
    return [
        path
        for path in _paths(manifest.get("spec") or {}, "spec")
        for project, _, first in first_versions(manifest, path)
        if versions.number(getattr(intent.software, project)) < versions.number(first)
    ]


def _paths(value: Any, above: str) -> Iterator[str]:
    """Every field, as schema names it; each once."""
    found: dict[str, None] = {}
    for item in value if isinstance(value, list) else [value]:
        for key, below in item.items() if isinstance(item, Mapping) else ():
            found |= dict.fromkeys((f"{above}.{key}", *_paths(below, f"{above}.{key}")))
    yield from found
