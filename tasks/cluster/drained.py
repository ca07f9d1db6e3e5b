"""What drain.py leaves on a Node: that it is taken out, and what stood there before. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubepeer.errors import CommandError
from kubepeer.intent.node_settings import OURS
from tasks.routes.expected import excluding_label

Manifest = Mapping[str, Any]

DRAINED = f"{OURS}drained"


@dataclass(frozen=True)
class Before:
    """A Node as it stood before it was drained.

    Attributes:
        label: the value of the excluding label; None where it had none. kubeadm gives "" to control planes.
        unschedulable: whether somebody had cordoned it.
        by: the runbook that has drained it and brings it back by itself; "" for drain.py, after which undrain.py is somebody's to run.

    """

    label: str | None = None
    unschedulable: bool = False
    by: str = ""

    @property
    def text(self) -> str:
        """For the annotation."""
        fields = {"label": self.label, "unschedulable": self.unschedulable} | ({"by": self.by} if self.by else {})
        return json.dumps(fields, separators=(",", ":"))


def is_drained(node: Manifest) -> bool:
    """Whether drain.py has begun with a Node, and undrain.py has not ended with it."""
    return DRAINED in (node["metadata"].get("annotations") or {})


def drained_of(nodes: Iterable[Manifest]) -> list[str]:
    """The names of the nodes that are drained."""
    return [str(node["metadata"]["name"]) for node in nodes if is_drained(node)]


def as_it_stands(node: Manifest, by: str = "") -> Before:
    """What is to be remembered of a Node that is about to be drained, and by which runbook."""
    return Before(excluding_label(node), is_cordoned(node), by)


def is_cordoned(node: Manifest) -> bool:
    """Whether the scheduler leaves a Node alone."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def before(node: Manifest) -> Before | None:
    """What stood before a Node was drained; None where it is not.

    Raises:
        CommandError: somebody has written something else into the annotation.

    """
    if not is_drained(node):
        return None
    text = node["metadata"]["annotations"][DRAINED]
    found = _read(text)
    if found is None:
        name = node["metadata"]["name"]
        raise CommandError(
            f"what stood on {name} before it was drained cannot be read from its annotation {DRAINED}: {text[:80]!r}",
            cure=f"kubectl annotate --overwrite node {name} '{DRAINED}={Before().text}', with the label's old value",
        )
    return found


def _read(text: str) -> Before | None:
    try:
        found = json.loads(text)
        label, unschedulable, by = found["label"], found["unschedulable"], found.get("by", "")
    except (ValueError, KeyError, TypeError):
        return None
    known = isinstance(label, str | None) and isinstance(unschedulable, bool) and isinstance(by, str)
    return Before(label, unschedulable, by) if known else None
