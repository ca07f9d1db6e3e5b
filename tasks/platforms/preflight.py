"""Reasons not to touch a router, each with its cure: those of its platform, and those of every Linux machine that routes. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Interface, IPv4Network
from typing import Protocol

from kubepeer.intent import Intent, Node, Router
from tasks.linux.observe import Seen

# What is asked of every router that is a Linux machine.
LINUX_QUESTIONS = {
    "addresses": 'ip -o -4 addr show | awk \'{print $4, ($5 == "peer" ? $6 : "")}\'',  # a point-to-point link names its other end
    "forwarding": "sysctl -n net.ipv4.ip_forward",
}


class Preflight(Protocol):
    """What a platform must have before it is touched.

    Attributes:
        questions: shell commands by name; they only read.

    """

    questions: Mapping[str, str]

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:
        """Why nothing more need be asked; "" when the daemon can be spoken to."""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
        """Why not to begin."""


def questions(preflight: Preflight | None) -> dict[str, str]:
    """What is asked of a router; nothing of one whose shell is none."""
    return {**preflight.questions, **LINUX_QUESTIONS} if preflight else {}


def reasons(preflight: Preflight | None, intent: Intent, router: Router, seen: Seen) -> list[str]:
    """Why not to begin; empty when all is clear."""
    if preflight is None:
        return []
    peers = intent.peers_of(router)
    missing = preflight.missing(peers, seen)
    return [missing] if missing else [*preflight.reasons(peers, seen), *_linux_reasons(router, peers, seen)]


def _linux_reasons(router: Router, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
    lines = [line.split() for line in seen["addresses"].lines]
    if router.address not in {IPv4Interface(words[0]).ip for words in lines}:
        yield f"{router.address} is on none of its interfaces, and the nodes would peer with it: correct hostname in the inventory"
    elif not router.peering.multihop:
        yield from _out_of_reach(router, peers, {IPv4Interface(words[-1]).network for words in lines})
    if seen["forwarding"].text.strip() != "1":
        yield "net.ipv4.ip_forward is 0: it does not route; set it to 1"


def _out_of_reach(router: Router, peers: Sequence[Node], networks: Collection[IPv4Network]) -> Iterator[str]:
    """External BGP is for neighbours one hop away unless it is told otherwise (RFC 4271, 5.1.3)."""
    subnets = sorted(network for network in networks if not network.is_loopback)
    far = [node for node in peers if not any(node.address in subnet for subnet in subnets)]
    if far:
        names = ", ".join(f"{node.name} ({node.address})" for node in far)
        yield (
            f"not on its subnets {', '.join(map(str, subnets))}: {names}; correct hostname there,"
            f" or say data.peering.multihop for {router.name}"
        )
