"""What is written on a Node that is taken out, and on one that comes back: one patch a step, in an order that may end anywhere. Pure.

What stood before is remembered first, in an annotation of the Node itself: whoever goes on, from whatever controller, finds it there. On
the way back it goes with the label that it remembers, in one patch. A patch (RFC 7386) holds for the version of the object that was read.
"""

import json
from typing import Any

from kubepeer.change import Change
from tasks.cluster.api import Manifest
from tasks.cluster.drained import DRAINED, as_it_stands, before, is_cordoned, is_drained
from tasks.cluster.node_settings import Planned
from tasks.routes.expected import EXCLUDED, excluding_label


def remember(node: Manifest, by: str = "") -> Planned | None:
    """The annotation with what stands; None where an earlier run has written it.

    Args:
        node: as it stands.
        by: the runbook that brings it back by itself; "" where somebody does.

    """
    if is_drained(node):
        return None
    text = as_it_stands(node, by).text
    return _planned(node, f"annotation {DRAINED}", None, text, annotations={DRAINED: text})


def forget(node: Manifest) -> Planned | None:
    """Without the annotation again: a drain that must not be has changed nothing else."""
    if not is_drained(node):
        return None
    text = node["metadata"]["annotations"][DRAINED]
    return _planned(node, f"annotation {DRAINED}", text, None, annotations={DRAINED: None})


def exclude(node: Manifest) -> Planned | None:
    """The label with which Calico announces no service from the node."""
    stands = excluding_label(node)
    if stands == "true":
        return None
    return _planned(node, f"label {EXCLUDED}", _quoted(stands), _quoted("true"), labels={EXCLUDED: "true"})


def cordon(node: Manifest) -> Planned | None:
    """The scheduler puts no pod there any more."""
    return None if is_cordoned(node) else _scheduling(node, unschedulable=True)


def uncordon(node: Manifest) -> Planned | None:
    """The scheduler may put pods there again, unless it had been told not to before the node was drained."""
    stood = before(node)
    return _scheduling(node, unschedulable=False) if stood and not stood.unschedulable and is_cordoned(node) else None


def include(node: Manifest) -> Planned | None:
    """The label as it was, and nothing that is remembered: both at once, so that no run can end between them."""
    stood = before(node)
    if stood is None:
        return None
    what, stands, wanted = f"label {EXCLUDED}", _quoted(excluding_label(node)), _quoted(stood.label)
    if stands == wanted:
        what, stands, wanted = f"annotation {DRAINED}", stood.text, None
    return _planned(node, what, stands, wanted, labels={EXCLUDED: stood.label}, annotations={DRAINED: None})


def _scheduling(node: Manifest, *, unschedulable: bool) -> Planned:
    now, then = (json.dumps(one) for one in (not unschedulable, unschedulable))
    patch = {**_metadata(node), "spec": {"unschedulable": unschedulable or None}}
    return Planned(Change(f"Node {node['metadata']['name']}: unschedulable", now, then), patch)


def _planned(node: Manifest, what: str, stands: str | None, wanted: str | None, **metadata: Any) -> Planned:
    return Planned(Change(f"Node {node['metadata']['name']}: {what}", stands, wanted), _metadata(node, **metadata))


def _metadata(node: Manifest, **fields: Any) -> dict[str, Any]:
    return {"metadata": {**fields, "resourceVersion": node["metadata"].get("resourceVersion")}}


def _quoted(value: str | None) -> str | None:
    """A label's value so that an empty one is seen."""
    return None if value is None else json.dumps(value)
