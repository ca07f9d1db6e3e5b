"""The kernel's routes in forms that are no JSON: `ip route` of iproute2 and of busybox, and /proc/net/route. Pure.

Sources: iproute2's ip/iproute.c (print_route), busybox's networking/libiproute/iproute.c (print_route: it shows neither the protocol
nor the next hops of a route that has several), the kernel's net/ipv4/fib_trie.c (fib_route_seq_show: the first next hop of each entry).
"""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from tasks.platforms.hops import Hop
from tasks.platforms.seen import KernelRoute

TYPES = (
    "unicast",
    "local",
    "broadcast",
    "multicast",
    "throw",
    "unreachable",
    "prohibit",
    "blackhole",
    "nat",
    "anycast",
)
LINE = re.compile(
    rf"(?:(?P<type>{'|'.join(TYPES)}) )?(?P<prefix>default|(?:\d+(?:\.\d+){{3}}|[0-9a-f]*:[0-9a-f:.]*)(?:/\d+)?)(?P<rest>(?: .*)?)$"
)
HOP = re.compile(r"\s+nexthop\b(?P<rest>.*)$")
REJECT = 0x200  # RTF_REJECT, linux/route.h
INSTALL = "install ip-full or iproute2 there"
OF_BUSYBOX = f"busybox's ip does not show the next hops of a route that has several: {INSTALL}"
OF_PROC = f"/proc/net/route shows one next hop of a route that may have several: {INSTALL}"


def routes_of(text: str, everywhere: str = "0.0.0.0/0") -> Iterator[KernelRoute]:
    """The routes that `ip route show` prints as text; everywhere is what it calls default.

    Raises:
        ValueError: a line is none of a route.

    """
    for head, *following in _entries(text.splitlines()):
        found = LINE.match(head)
        if not found:
            raise ValueError(head.strip())
        kind, rest = found["type"] or "unicast", found["rest"]
        hops = [_hop(line) for line in following] or [_hop(rest)]
        known = frozenset(hop for hop in hops if hop)
        if kind not in ("unicast", "local"):
            known = frozenset({kind})
        yield KernelRoute(
            prefix=ip_network(everywhere if found["prefix"] == "default" else found["prefix"]),
            protocol=_word("proto", rest),
            metric=int(_word("metric", rest) or 0),
            hops=known,
            untold="" if known else OF_BUSYBOX,
        )


def gateways_of(text: str) -> list[Hop]:
    """The next hops that `ip route get` names, one for each answer that is one."""
    return [hop for line in text.splitlines() if (hop := _hop(line))]


def routes_of_proc(text: str) -> Iterator[KernelRoute]:
    """The routes of /proc/net/route: addresses are the processor's own numbers, so the masks tell its byte order.

    Raises:
        ValueError: a line is none of a route.

    """
    rows = [line.split() for line in text.splitlines()[1:] if line.strip()]
    if any(len(row) < 8 for row in rows):  # noqa: PLR2004  as far as the mask
        raise ValueError(next(" ".join(row) for row in rows if len(row) < 8))  # noqa: PLR2004
    little = any(not _is_mask(int(row[7], 16)) for row in rows) or all(_is_mask(_turned(row[7])) for row in rows)
    for interface, destination, gateway, flags, _, _, metric, mask, *_ in rows:
        network, length, via = (_turned(one) if little else int(one, 16) for one in (destination, mask, gateway))
        hop = str(ip_address(via)) if via else f"dev {interface}"
        if int(flags, 16) & REJECT or interface in ("*", "lo"):
            hop = "unreachable" if int(flags, 16) & REJECT else "blackhole"
        prefix = ip_network((network, length.bit_count()))
        yield KernelRoute(prefix, "", int(metric), frozenset({hop}), OF_PROC)


def _entries(lines: Iterable[str]) -> Iterator[list[str]]:
    """Each route's line with those of its next hops."""
    entry: list[str] = []
    for line in lines:
        if entry and HOP.match(line):
            entry.append(line)
        elif line.strip():
            if entry:
                yield entry
            entry = [line]
    if entry:
        yield entry


def _hop(text: str) -> Hop:
    gateway = re.search(r"\bvia (?:inet6? )?(\S+)", text)
    device = _word("dev", text)
    return gateway[1] if gateway else f"dev {device}" if device else ""


def _word(key: str, text: str) -> str:
    found = re.search(rf"(?:^|\s){key} (\S+)", text)
    return found[1] if found else ""


def _turned(number: str) -> int:
    return int.from_bytes(bytes.fromhex(number), "little")


def _is_mask(number: int) -> bool:
    """Whether the ones of a netmask stand together at its beginning."""
    inverse = number ^ 0xFFFFFFFF
    return inverse & (inverse + 1) == 0
