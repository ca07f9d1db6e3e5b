"""What of an object is ours, and what others may have written into it: only what was asked for is compared, field by field. Pure.

Operators write defaults into what they are told (tigera operator: name, allowedUses, assignmentMode ... of an IP pool), definitions have
defaults of their own (serviceLoadBalancerAggregation), and people add what they need. An object is planned by laying what is wanted over
what stands; where the result is what stands already, there is nothing to do.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.cluster.api import Manifest

Path = tuple[str, ...]  # the keys from the object's root; a list's items have the path of their list
GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|m|s|ms))+")  # time.Duration's text: 60s is written back as 1m0s
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True)
class Ownership:
    """Whose the fields of a kind are.

    Attributes:
        replaced: the object is read, laid under what is wanted, and written back whole (its server drops or doubts what a server-side apply
            says); else server-side apply knows the owners.
        whole: what stands beside our fields is a difference: somebody's nodeSelector would cut nodes off unseen.
        ours: fields under spec that we write in some inventories: where one of them is not wanted now, it goes.
        defaults: values that a server or an operator may write beside ours; by the last key of the path.
        shared: lists in which items of others stay.

    """

    replaced: bool = False
    whole: bool = False
    ours: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    shared: frozenset[Path] = frozenset()


POOLS = ("spec", "calicoNetwork", "ipPools")
SHARED = Ownership()
METALLB_KINDS = ("BFDProfile", "BGPAdvertisement", "BGPPeer", "Community", "IPAddressPool")
METALLB: Mapping[str, Any] = {  # defaults of its definitions (config/crd/bases of 0.16.2)
    "autoAssign": True,
    "avoidBuggyIPs": False,
    "aggregationLength": 32,
    "aggregationLengthV6": 128,
    "peerPort": 179,
    "disableMP": False,
    "dualStackAddressFamily": False,
}
OWNERSHIP: Mapping[tuple[str, str], Ownership] = {
    # an atomic list for server-side apply, into which the operator writes from 1.34 on (pkg/controller/installation, fillDefaults)
    ("operator.tigera.io", "Installation"): Ownership(shared=frozenset({POOLS})),
    ("projectcalico.org", "BGPConfiguration"): Ownership(
        replaced=True,
        ours=frozenset(
            {
                *("asNumber", "bindMode", "communities", "listenPort", "logSeverityScreen", "nodeToNodeMeshEnabled"),
                *("prefixAdvertisements", "serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs"),
            }
        ),
    ),
    ("projectcalico.org", "BGPPeer"): Ownership(
        replaced=True,
        whole=True,
        defaults={"sourceAddress": "UseNodeIP", "reversePeering": "Auto", "nextHopMode": "Auto"},
    ),
    ("projectcalico.org", "BGPFilter"): Ownership(replaced=True, whole=True),
    ("projectcalico.org", "IPPool"): Ownership(replaced=True),
    ("projectcalico.org", "KubeControllersConfiguration"): Ownership(replaced=True),
    **{("metallb.io", kind): Ownership(replaced=True, whole=True, defaults=METALLB) for kind in METALLB_KINDS},
    ("purelb.io", "ServiceGroup"): Ownership(replaced=True, whole=True, defaults={"aggregation": "default"}),
}
# Lists of mappings, and the key that tells their items apart.
LIST_KEYS: Mapping[Path, str] = {
    POOLS: "cidr",
    ("spec", "communities"): "name",
    ("spec", "prefixAdvertisements"): "cidr",
    ("spec", "serviceClusterIPs"): "cidr",
    ("spec", "serviceExternalIPs"): "cidr",
    ("spec", "serviceLoadBalancerIPs"): "cidr",
}


def ownership(manifest: Manifest) -> Ownership:
    """Whose the fields of this object's kind are; server-side apply's own answer where nothing else is known."""
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    return OWNERSHIP.get((group, manifest["kind"]), SHARED)


def laid_over(wanted: Manifest, stands: Manifest) -> Manifest:
    """The object as it should stand: what is wanted, what others may keep beside it, and no more.

    Args:
        wanted: what is asked for.
        stands: the object as the API has it.

    """
    owners = ownership(wanted)
    result = {key: value for key, value in stands.items() if key not in ("spec", "metadata")}
    result |= {key: value for key, value in wanted.items() if key not in ("spec", "metadata")}
    result["metadata"] = _metadata(wanted["metadata"], stands["metadata"])
    if "spec" in wanted or "spec" in stands:
        result["spec"] = _mapping(wanted.get("spec") or {}, stands.get("spec") or {}, ("spec",), owners)
    return result


def to_apply(wanted: Manifest, stands: Manifest) -> Manifest:
    """What to send by server-side apply: an atomic list with what others have written into its items, and with theirs."""
    owners = ownership(wanted)
    return _with_shared_lists(wanted, stands, (), owners) if owners.shared else wanted


def _with_shared_lists(wanted: Any, stands: Any, path: Path, owners: Ownership) -> Any:
    if path in owners.shared:
        return _list(wanted, stands if isinstance(stands, list) else [], path, owners)
    if isinstance(wanted, dict):
        below = stands if isinstance(stands, dict) else {}
        return {
            key: _with_shared_lists(value, below.get(key), (*path, key), owners) if key in below else value
            for key, value in wanted.items()
        }
    return wanted


def answered(wanted: Any, stands: Any, would: Any) -> Any:
    """The answer of a dry run without what the server itself adds or writes otherwise: only what was asked for, or went, is a change."""
    if isinstance(would, dict) and isinstance(stands, dict):
        asked = wanted if isinstance(wanted, dict) else {}
        return {
            key: answered(asked.get(key), stands[key], value) if key in stands else value
            for key, value in would.items()
            if key in stands or (key in asked and value not in ({}, []))  # nothing is the same as an empty mapping
        }
    went = isinstance(would, list) and isinstance(stands, list) and len(would) < len(stands)
    return stands if wanted is None and not went else would


def _metadata(wanted: Mapping[str, Any], stands: Mapping[str, Any]) -> dict[str, Any]:
    """The object's identity, with our labels and annotations among those of others."""
    result = {key: value for key, value in stands.items() if key != "managedFields"}
    for key in ("labels", "annotations"):
        if wanted.get(key):
            result[key] = {**(stands.get(key) or {}), **wanted[key]}
    return result


def _value(wanted: Any, stands: Any, path: Path, owners: Ownership) -> Any:
    if isinstance(wanted, dict) and isinstance(stands, dict):
        return _mapping(wanted, stands, path, owners)
    if isinstance(wanted, list) and isinstance(stands, list):
        return _list(wanted, stands, path, owners)
    return stands if _same(wanted, stands) else wanted


def _mapping(wanted: Mapping[str, Any], stands: Mapping[str, Any], path: Path, owners: Ownership) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in stands.items():
        if key in wanted:
            result[key] = _value(wanted[key], value, (*path, key), owners)
        elif _stays((*path, key), value, owners):
            result[key] = value
    return result | {key: value for key, value in wanted.items() if key not in stands}


def _stays(path: Path, value: Any, owners: Ownership) -> bool:
    """Whether a field that nobody asked for is none of our business."""
    if not owners.whole:
        return not (len(path) == 2 and path[1] in owners.ours)  # noqa: PLR2004  spec and its field
    return not value or owners.defaults.get(path[-1]) == value


def _list(wanted: Sequence[Any], stands: Sequence[Any], path: Path, owners: Ownership) -> list[Any]:
    """Items in the order in which they stand, new ones after them; without a key, place by place."""
    key = LIST_KEYS.get(path)
    if key is None or not all(
        isinstance(item, Mapping) for item in (*wanted, *stands)
    ):  # of another kind: plain values
        if len(wanted) == len(stands):
            return [_value(one, other, path, owners) for one, other in zip(wanted, stands, strict=True)]
        return list(wanted)
    by_key = {item[key]: item for item in wanted}
    result: list[Any] = []
    for item in stands:
        if item.get(key) in by_key:
            result.append(_value(by_key.pop(item[key]), item, path, owners))
        elif path in owners.shared:
            result.append(item)
    return [*result, *by_key.values()]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str) and GO_DURATION.fullmatch(one) and GO_DURATION.fullmatch(other):
        return _seconds(one) == _seconds(other)
    return bool(one == other)


def _seconds(duration: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", duration)
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


def is_written_by_us(manifest: Manifest) -> bool:
    """Whether the object is of a project's own kind, written from our templates: its fields depend on the project's version."""
    return ownership(manifest) is not SHARED
