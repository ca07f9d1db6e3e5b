"""Next hops: what one is, and how several are written for a person. Pure."""

import re
from collections.abc import Iterable
from functools import cache
from ipaddress import ip_address

ADDRESS = re.compile(r"\d+(\.\d+){3}$|[0-9a-f]*:[0-9a-f:.]*$")
LAST_PART = re.compile(r"[.:]")
PARTS = {4: 1 << 8, 6: 1 << 16}  # how many numbers the last part of an address has, by the family
Hop = str  # an address, or what stands where one should: "dev eth0", "blackhole"


def hops_in_order(hops: Iterable[Hop]) -> tuple[Hop, ...]:
    """Next hops, addresses by number before all else."""
    return tuple(sorted(hops, key=_order))


def shortened(hops: Iterable[Hop]) -> str:
    """Next hops for a person: 10.31.90.1-5, 10.31.91.7."""
    runs: list[list[Hop]] = []
    for hop in hops_in_order(hops):
        if runs and _follows(runs[-1][-1], hop):
            runs[-1].append(hop)
        else:
            runs.append([hop])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{LAST_PART.split(run[-1])[-1]}" for run in runs)


def _follows(hop: Hop, following: Hop) -> bool:
    """Whether the second is the next address, and both differ in their last part alone."""
    (kind, number, _), (next_kind, next_number, _) = _order(hop), _order(following)
    return kind == next_kind and next_number == number + 1 and next_number % PARTS[kind] != 0


@cache  # the same few nodes are next hops of thousands of prefixes
def _order(hop: Hop) -> tuple[int, int, str]:
    try:
        address = ip_address(hop)
    except ValueError:
        return (max(PARTS) + 1, 0, hop)
    return (address.version, int(address), hop)
