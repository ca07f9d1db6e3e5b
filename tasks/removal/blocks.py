"""What Calico's IPAM has of a node that is no more, given back as Calico itself gives it back. Pure.

Calico's kube-controllers do the same 15 to 23 minutes after a node's end, and until then its block counts as taken, and every verification
tells of it. What is theirs to do is done in their order (calico: libcalico-go/lib/ipam, ipam_block_reader_writer.go,
releaseBlockAffinity, and ipam_block.go, release): the addresses of the node are freed; a block in which nobody has one is deleted,
another one keeps the others' and is nobody's own; then the affinity goes. The handles that count the addresses come first here, since
only the blocks tell a run that was cut off which they are. Every write is for the very version of the object that was read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubepeer.change import Change

Item = Mapping[str, Any]
AFFINITIES, BLOCKS, HANDLES = "blockaffinities", "ipamblocks", "ipamhandles"
HOST = "host:"  # of IPAMBlock.spec.affinity


@dataclass(frozen=True)
class Write:
    """A write to one of Calico's objects.

    Attributes:
        change: for a person.
        plural: what it is one of.
        name: of the object.
        after: the whole object as it should be; None: it is deleted.
        condition: what must still be true of it.

    """

    change: Change
    plural: str
    name: str
    after: Item | None
    condition: Mapping[str, str]


def release(node: str, affinities: Iterable[Item], blocks: Iterable[Item], handles: Iterable[Item]) -> Iterator[Write]:
    """Give back all that a node has.

    Args:
        node: its name in the cluster, which has it no more.
        affinities: BlockAffinity, all that there are.
        blocks: IPAMBlock, as well.
        handles: IPAMHandle, as well.

    """
    found = list(blocks)
    freed = {str(block["spec"]["cidr"]): _freed(block["spec"], node) for block in found}
    yield from _handles(handles, {cidr: counted for cidr, (_, counted) in freed.items()})
    for block in found:
        spec, counted = freed[str(block["spec"]["cidr"])]
        own = str(block["spec"].get("affinity") or "") == f"{HOST}{node}"
        if not own and not counted:
            continue
        what, before = f"IPAMBlock {block['spec']['cidr']}", f"addresses of {node}: {counted.total()}"
        if own and all(place is None for place in spec.get("allocations") or []):
            yield _deleted(block, BLOCKS, Change(what, before, None))
            continue
        if own:
            spec = {key: value for key, value in spec.items() if key not in ("affinity", "affinityClaimTime")}
        spec = {**spec, "sequenceNumber": int(spec.get("sequenceNumber") or 0) + 1}
        after = "of no node; the others' addresses stay" if own else "the others' addresses stay"
        yield _written(block, BLOCKS, spec, Change(what, before, after))
    for affinity in affinities:
        if affinity["spec"].get("node") == node and affinity["spec"].get("type", "host") in ("", "host"):
            yield _deleted(affinity, AFFINITIES, Change(f"BlockAffinity {affinity['spec']['cidr']}", node, None))


def _freed(spec: Item, node: str) -> tuple[dict[str, Any], Counter[str]]:
    """A block without the addresses of a node, its attributes counted anew; and how many each handle had of them."""
    attributes = list(spec.get("attributes") or [])
    kept = [place for place, one in enumerate(attributes) if not _is_of(one, spec, node)]
    moved = {old: new for new, old in enumerate(kept)}
    before = list(spec.get("allocations") or [])
    after = [moved.get(place) if place is not None else None for place in before]
    ordinals = [ordinal for ordinal, old in enumerate(before) if old is not None and after[ordinal] is None]
    if not ordinals:
        return dict(spec), Counter()
    found = {
        **spec,
        "allocations": after,
        "attributes": [attributes[place] for place in kept],
        "unallocated": [*(spec.get("unallocated") or []), *ordinals],
    }
    if numbers := spec.get("sequenceNumberForAllocation"):
        found["sequenceNumberForAllocation"] = {key: one for key, one in numbers.items() if int(key) not in ordinals}
    handles = (str(attributes[before[ordinal]].get("handle_id") or "") for ordinal in ordinals)
    return found, Counter(handles)


def _is_of(attribute: Item, spec: Item, node: str) -> bool:
    """Whether an allocation is the node's: it says so, or says of nobody in the node's own block (kept for Windows, reserved)."""
    named = (attribute.get("secondary") or {}).get("node")
    return bool(named == node if named else str(spec.get("affinity") or "") == f"{HOST}{node}")


def _handles(handles: Iterable[Item], freed: Mapping[str, Counter[str]]) -> Iterator[Write]:
    for handle in handles:
        spec = handle["spec"]
        counts = {
            cidr: int(count) - freed.get(cidr, Counter())[str(spec["handleID"])]
            for cidr, count in (spec.get("block") or {}).items()
        }
        if counts == (spec.get("block") or {}):
            continue
        left = {cidr: count for cidr, count in counts.items() if count > 0}
        change = Change(f"IPAMHandle {spec['handleID']}", _told(spec["block"]), _told(left) if left else None)
        if left:
            yield _written(handle, HANDLES, {**spec, "block": left}, change)
        else:
            yield _deleted(handle, HANDLES, change)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{cidr}: {count}" for cidr, count in sorted(counts.items()))


def _deleted(item: Item, plural: str, change: Change) -> Write:
    metadata = item["metadata"]
    condition = {key: metadata[key] for key in ("uid", "resourceVersion") if key in metadata}
    return Write(change, plural, metadata["name"], None, condition)


def _written(item: Item, plural: str, spec: Item, change: Change) -> Write:
    return Write(change, plural, item["metadata"]["name"], {**item, "spec": spec}, {})
