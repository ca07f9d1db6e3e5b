"""Reasons not to touch a router, each with its cure: those of its platform, and those of every Linux machine that routes. Pure."""

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import ip_interface
from typing import Protocol

from kubepeer.intent import Intent, Node, Router
from kubepeer.intent.families import Address, Network, Version, by_number, version_of
from tasks.linux.observe import Seen

# A point-to-point link names its other end. Where there is no ip, busybox's ifconfig says the same in other words.
ADDRESSES = """if command -v ip >/dev/null; then ip -o -4 addr show | awk '{print $4, ($5 == "peer" ? $6 : "")}'
else ifconfig | awk '/inet addr:/ { mask = "32"; peer = ""; for (n = 3; n <= NF; n++) {
    if ($n ~ /^Mask:/) mask = substr($n, 6); if ($n ~ /^P-t-P:/) peer = substr($n, 7) "/32" }
    print substr($2, 6) "/" mask, peer }'; fi"""

ADDRESSES6 = """ip -o -6 addr show scope global | awk '{print $4, ($5 == "peer" ? $6 : "")}'"""

# What is asked of every router that is a Linux machine, by the family of its sessions. A router may have no sysctl(8).
LINUX_QUESTIONS: Mapping[int, Mapping[str, str]] = {
    4: {"addresses": ADDRESSES, "forwarding": "cat /proc/sys/net/ipv4/ip_forward"},
    6: {"addresses6": ADDRESSES6, "forwarding6": "cat /proc/sys/net/ipv6/conf/all/forwarding"},
}
FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


class Preflight(Protocol):
    """What a platform must have before it is touched."""

    @property
    def vrfs_of_linux(self) -> bool:
        """Whether its VRFs are devices or network namespaces of Linux; else it alone knows what they are."""

    @property
    def questions(self) -> Mapping[str, str]:
        """Shell commands by name; they only read."""

    def of(self, router: Router) -> "Preflight":
        """The same for one router, where it differs from router to router."""

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:
        """Why nothing more need be asked; "" when the daemon can be spoken to."""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
        """Why not to begin."""


def questions(preflight: Preflight | None, router: Router) -> dict[str, str]:
    """What is asked of a router; nothing of one whose shell is none."""
    if preflight is None:
        return {}
    asked = dict(preflight.of(router).questions)
    for address in router.addresses:
        asked |= LINUX_QUESTIONS[address.version]
    vrf = _vrf_of_linux(preflight, router)
    return _within(vrf, asked) if vrf else asked


def _vrf_of_linux(preflight: Preflight, router: Router) -> str | None:
    return router.peering.vrf if preflight.vrfs_of_linux else None


def _within(vrf: str, asked: Mapping[str, str]) -> dict[str, str]:
    """The same of a VRF: a device of Linux has its addresses beside all others, a network namespace its own."""
    name, namespace = shlex.quote(vrf), shlex.quote(f"/var/run/netns/{vrf}")
    enter = f"[ -e /sys/class/net/{name} ] || [ ! -e {namespace} ] || into='ip netns exec {name}'"
    within = {
        question: f"into=; {enter}; {command.replace('ip -o', '$into ip -o') if question.startswith('addresses') else f'$into {command}'}"
        for question, command in asked.items()
        if any(question in of_family for of_family in LINUX_QUESTIONS.values())
    }
    there = f"[ -e /sys/class/net/{name} ] || [ -e {namespace} ]"
    return {**asked, **within, "vrf": there}


def reasons(preflight: Preflight | None, intent: Intent, router: Router, seen: Seen) -> list[str]:
    """Why not to begin; empty when all is clear."""
    if preflight is None:
        return []
    peers = intent.peers_of(router)
    of_router = preflight.of(router)
    missing = of_router.missing(peers, seen)
    vrf = _vrf_of_linux(preflight, router)
    return [missing] if missing else [*of_router.reasons(peers, seen), *_linux_reasons(router, vrf, peers, seen)]


def _linux_reasons(router: Router, vrf: str | None, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
    if vrf and seen["vrf"].code:
        yield f"it has no VRF {vrf}, neither a device nor a network namespace: correct data.peering.vrf, or make the VRF"
        return
    for address in router.addresses:
        yield from _of_family(router, address, peers, seen)


def _of_family(router: Router, address: Address, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
    addresses, forwarding = LINUX_QUESTIONS[address.version]
    lines = [line.split() for line in seen[addresses].lines]
    if unreadable := next((line for line in lines if not _is_interface(line)), None):
        yield f"its addresses cannot be read: {' '.join(unreadable)}"
        return
    if address not in {ip_interface(words[0]).ip for words in lines}:
        cure = f"correct {router.key_of(version_of(address))} in the inventory"
        yield f"{address} is on none of its interfaces, and the nodes would peer with it: {cure}"
    elif not router.peering.multihop:
        networks = {ip_interface(words[-1]).network for words in lines}
        yield from _out_of_reach(router, version_of(address), peers, networks)
    if seen[forwarding].code:
        yield f"whether it routes cannot be told: {(seen[forwarding].lines or ['nothing was said'])[-1]}"
    elif seen[forwarding].text.strip() != "1":
        yield f"{FORWARDING[address.version]} is 0: it does not route; set it to 1"


def _is_interface(words: Sequence[str]) -> bool:
    try:
        return all(ip_interface(word) for word in words)
    except ValueError:
        return False


def _out_of_reach(
    router: Router, version: Version, peers: Sequence[Node], networks: Collection[Network]
) -> Iterator[str]:
    """External BGP is for neighbours one hop away unless it is told otherwise (RFC 4271, 5.1.3)."""
    subnets = sorted((network for network in networks if not network.is_loopback), key=by_number)
    far = [node for node in peers if not any(node.address_of(version) in subnet for subnet in subnets)]
    if far:
        names = ", ".join(f"{node.name} ({node.address_of(version)})" for node in far)
        yield (
            f"not on its subnets {', '.join(map(str, subnets))}: {names};"
            f" correct {' or '.join(dict.fromkeys(node.key_of(version) for node in far))} there,"
            f" or say data.peering.multihop for {router.name}"
        )
