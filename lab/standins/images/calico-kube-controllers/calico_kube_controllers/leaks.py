"""What a node leaves behind, and when it may be taken away: functions of what stands and of the time.

The real one (kube-controllers/pkg/controllers/node/ipam.go) looks every half of the grace period and takes away what it
has seen ownerless for the whole of it. A restart begins to count anew.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cluster_api.objects import Json, name, spec

DEFAULT_GRACE = 900.0
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def grace(configuration: Json | None) -> float:
    """Read leakGracePeriod of KubeControllersConfiguration `default`, such as 15m0s."""
    node = ((spec(configuration or {})).get("controllers") or {}).get("node") or {}
    text = str(node.get("leakGracePeriod") or "")
    parts = _PARTS.findall(text)
    return sum(float(count) * _SECONDS[unit] for count, unit in parts) if parts else DEFAULT_GRACE


def owners(affinities: Iterable[Json], blocks: Iterable[Json]) -> set[str]:
    """List the nodes that hold blocks or addresses."""
    found = {str(spec(item).get("node", "")) for item in affinities}
    for block in blocks:
        found |= {node for attribute in spec(block).get("attributes") or [] if (node := _node(attribute))}
        found |= {_affine(block)} if _affine(block) else set()
    return found - {""}


def gone_since(seen: Mapping[str, float], holders: set[str], nodes: set[str], now: float) -> dict[str, float]:
    """Say of every holder that is no node since when that is known."""
    return {holder: seen.get(holder, now) for holder in holders - nodes}


@dataclass(frozen=True)
class Cleaning:
    """What to take away."""

    affinities: list[Json] = field(default_factory=list)
    blocks: list[Json] = field(default_factory=list)
    changed: list[Json] = field(default_factory=list)


def cleaning(affinities: Iterable[Json], blocks: Iterable[Json], leaked: set[str]) -> Cleaning:
    """Decide for nodes whose time is over: their addresses are freed, and their blocks once nobody has an address in them."""
    result = Cleaning()
    occupied: set[str] = set()
    for block in blocks:
        after = _without(block, leaked)
        if _affine(block) in leaked:
            if all(place is None for place in spec(after)["allocations"]):
                result.blocks.append(block)
                continue
            occupied.add(str(spec(block)["cidr"]))
        if after != block:
            result.changed.append(after)
    gone = [item for item in affinities if spec(item).get("node") in leaked and spec(item)["cidr"] not in occupied]
    result.affinities.extend(gone)
    return result


def _without(block: Json, leaked: set[str]) -> Json:
    """Free the addresses of nodes that are gone; what is left keeps its attributes, counted anew."""
    before = spec(block)
    attributes = before.get("attributes") or []
    kept = [place for place, attribute in enumerate(attributes) if _node(attribute) not in leaked]
    if len(kept) == len(attributes):
        return block
    moved = {old: new for new, old in enumerate(kept)}
    allocations = [moved.get(place) if place is not None else None for place in before["allocations"]]
    freed = [place for place, old in enumerate(before["allocations"]) if old is not None and allocations[place] is None]
    after = before | {
        "allocations": allocations,
        "attributes": [attributes[place] for place in kept],
        "unallocated": [*(before.get("unallocated") or []), *freed],
    }
    return block | {"spec": after}


def _node(attribute: Json) -> str:
    return str((attribute.get("secondary") or {}).get("node", ""))


def _affine(block: Json) -> str:
    return str(spec(block).get("affinity") or "").removeprefix("host:")


def titles(items: Iterable[Json]) -> str:
    """Write names for the log."""
    return ", ".join(map(name, items))
