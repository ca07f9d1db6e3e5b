"""Next hops: what one is, and how several are written for a person. Pure."""

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address

IPV4_ADDRESS = re.compile(r"\d+(\.\d+){3}$")
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
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1].rpartition('.')[2]}" for run in runs)


def _follows(hop: Hop, following: Hop) -> bool:
    """Whether the second is the next address of the same /24."""
    (kind, number, _), (next_kind, next_number, _) = _order(hop), _order(following)
    return kind == next_kind == 0 and next_number == number + 1 and next_number % 256 != 0


def _order(hop: Hop) -> tuple[int, int, str]:
    try:
        return (0, int(IPv4Address(hop)), hop)
    except AddressValueError:
        return (1, 0, hop)
