"""Labels, annotations and taints of the nodes, as the inventory has them. Pure.

What Kubepeer has set, and others have not, stands in an annotation of the Node: that alone is changed or taken away again. Taints are one
list for the API (an atomic one, for server-side apply, too), which the node controllers write as well: so an object is read, and written
back as a merge patch (RFC 7386) that holds for the version that was read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubepeer import safe_yaml
from kubepeer.change import Change
from kubepeer.intent.node_settings import OURS, NodeSettings
from tasks.cluster.api import Manifest
from tasks.cluster.drained import is_drained
from tasks.routes.expected import EXCLUDED, excluding_label

OWNED = f"{OURS}node-settings"
Pairs = dict[str, str]


@dataclass(frozen=True)
class Owned:
    """What of a Node is ours: the names of labels and annotations, and taints as KEY:EFFECT."""

    labels: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()
    taints: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """For the annotation; "" for nothing."""
        named = {name: sorted(getattr(self, name)) for name in ("labels", "annotations", "taints")}
        found = {name: values for name, values in named.items() if values}
        return json.dumps(found, separators=(",", ":")) if found else ""


def owned(node: Manifest) -> Owned:
    """Read from a Node; where the annotation is none, nothing is ours."""
    text = (node["metadata"].get("annotations") or {}).get(OWNED, "")
    try:
        found = json.loads(text) if text else {}
        return Owned(**{name: frozenset(map(str, values)) for name, values in found.items()})
    except (ValueError, TypeError, AttributeError):
        return Owned()


@dataclass(frozen=True)
class Planned:
    """What a Node lacks.

    Attributes:
        change: for a person.
        patch: a merge patch for the API.

    """

    change: Change
    patch: dict[str, Any] = field(default_factory=dict)


def plan(settings: NodeSettings, node: Manifest) -> Planned | None:
    """The change of a Node; None where it has what it should, and nothing of ours that it should not.

    Args:
        settings: of the inventory.
        node: as the API has it.

    """
    ours, metadata = owned(node), node["metadata"]
    wanted_labels = _labels(settings, node, ours)
    labels, own_labels = _pairs(wanted_labels, metadata.get("labels") or {}, ours.labels)
    stands = {name: text for name, text in (metadata.get("annotations") or {}).items() if name != OWNED}
    annotations, own_annotations = _pairs(settings.annotations, stands, ours.annotations)
    taints, own_taints = _taints(settings, (node.get("spec") or {}).get("taints") or [], ours.taints)
    now = Owned(own_labels, own_annotations, own_taints)
    patch_metadata: dict[str, Any] = {}
    if labels:
        patch_metadata["labels"] = labels
    if annotations or now != ours:
        patch_metadata["annotations"] = annotations | ({OWNED: now.text or None} if now != ours else {})
    if not patch_metadata and taints is None:
        return None
    patch_metadata["resourceVersion"] = metadata.get("resourceVersion")
    patch: dict[str, Any] = {"metadata": patch_metadata}
    if taints is not None:
        patch["spec"] = {"taints": taints or None}
    before = _shown(metadata.get("labels") or {}, stands, (node.get("spec") or {}).get("taints") or [], settings, ours)
    after = _shown(
        _patched(metadata.get("labels") or {}, labels),
        _patched(stands, annotations),
        (node.get("spec") or {}).get("taints") or [] if taints is None else taints,
        settings,
        ours,
    )
    return Planned(Change(f"Node {metadata['name']}", before, after), patch)


def _labels(settings: NodeSettings, node: Manifest, ours: Owned) -> Mapping[str, str]:
    """The labels of the inventory; of a node that is drained the excluding one as it stands: undrain.py puts the old one back."""
    if not is_drained(node) or EXCLUDED not in {*settings.labels, *ours.labels}:
        return settings.labels
    stands = excluding_label(node)
    others = {name: text for name, text in settings.labels.items() if name != EXCLUDED}
    return others if stands is None else {**others, EXCLUDED: stands}


def _pairs(
    wanted: Mapping[str, str], stands: Mapping[str, str], ours: frozenset[str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """What to write (None: to take away), and what is ours then: not what somebody else has set to the same."""
    write: dict[str, Any] = {name: text for name, text in wanted.items() if stands.get(name) != text}
    write |= {name: None for name in ours if name not in wanted and name in stands}
    return write, frozenset(name for name in wanted if name in write or name in ours)


def _taints(
    settings: NodeSettings, stands: list[dict[str, str]], ours: frozenset[str]
) -> tuple[list[dict[str, str]] | None, frozenset[str]]:
    """The whole list as it should be, None where it is so; and which of it are ours then."""
    wanted = {
        f"{taint.key}:{taint.effect}": {"key": taint.key, "effect": taint.effect}
        | ({"value": taint.value} if taint.value else {})
        for taint in settings.taints
    }
    now: list[dict[str, str]] = []
    changed, own, there = False, set[str](), set[str]()
    for taint in stands:
        name = f"{taint['key']}:{taint['effect']}"
        there.add(name)
        if name not in wanted:
            changed = changed or name in ours
            now += [] if name in ours else [taint]
        elif taint.get("value", "") == wanted[name].get("value", ""):
            now.append(taint)
            own |= {name} & ours
        else:
            now.append(wanted[name])
            changed, own = True, own | {name}
    new = [name for name in wanted if name not in there]
    now += [wanted[name] for name in new]
    return (now if changed or new else None), frozenset(own | set(new))


def _patched(stands: Mapping[str, str], write: Mapping[str, str | None]) -> Pairs:
    return {name: text for name, text in {**stands, **write}.items() if text is not None}


def _shown(
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    taints: list[dict[str, str]],
    settings: NodeSettings,
    ours: Owned,
) -> str:
    """What of a Node the inventory speaks of, or did."""
    names = {f"{taint.key}:{taint.effect}" for taint in settings.taints} | ours.taints
    shown = {
        "labels": {name: labels[name] for name in sorted({*settings.labels, *ours.labels}) if name in labels},
        "annotations": {
            name: annotations[name]
            for name in sorted({*settings.annotations, *ours.annotations})
            if name in annotations
        },
        "taints": sorted(
            f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"
            for taint in taints
            if f"{taint['key']}:{taint['effect']}" in names
        ),
    }
    return safe_yaml.as_text({name: value for name, value in shown.items() if value})
