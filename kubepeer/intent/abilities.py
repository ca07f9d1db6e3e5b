"""What a platform cannot do of what a router's peering asks for; docs/routers.md names the source of each. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from kubepeer.intent.model import Peering, Platform, Router


@dataclass(frozen=True)
class Inability:
    """An option that a platform has no statement for.

    Attributes:
        key: of data.peering.
        asked: whether a peering with nodes in these AS asks for it.
        why: what it has not.
        cure: what to write instead.

    """

    key: str
    asked: Callable[[Peering, Collection[int]], bool]
    why: str
    cure: str


ALTERNATES = (
    5  # "up to five alternate autonomous system numbers", Cisco IOS BGP Configuration Guide, BGP Dynamic Neighbors
)
NO_LIMIT = "it sets no limit to the sessions of a range"
NO_LARGE = "it has no statement to set large communities in the reference that the template follows"


def _dynamic(peering: Peering, _: Collection[int]) -> bool:
    return peering.neighbours == "dynamic"


def _large(peering: Peering, _: Collection[int]) -> bool:
    return bool(peering.large_communities)


LONGEST_INTERFACE = 15  # Linux's IFNAMSIZ less its end: a VRF is an interface there
TOO_LONG = Inability(
    "vrf",
    lambda peering, _: len(peering.vrf or "") > LONGEST_INTERFACE,
    f"a VRF is an interface of Linux, and its name has {LONGEST_INTERFACE} characters at most",
    "the VRF's name as the router has it",
)


# "maximum-paths": Cisco IOS XE IP Routing: BGP Command Reference, 1 to 32; Cisco Nexus 9000 NX-OS Unicast Routing, 1 to 64
MOST_PATHS: Mapping[Platform, int] = {"ios": 32, "nxos": 64}
INABILITIES: Mapping[Platform, tuple[Inability, ...]] = {
    "frr": (TOO_LONG,),
    "bird": (Inability("neighbours", _dynamic, NO_LIMIT, "neighbours: static"),),
    "eos": (Inability("communities", _large, NO_LARGE, "leave out communities with two colons"),),
    "ios": (
        Inability(
            "neighbours",
            lambda peering, as_numbers: _dynamic(peering, as_numbers) and len(as_numbers) > 1 + ALTERNATES,
            f"a range has one AS and at most {ALTERNATES} alternates",
            "neighbours: static",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: peering.graceful_restart == "helper",
            "a session restarts gracefully at both ends or at none",
            "graceful_restart: full, or off",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: bool(peering.vrf and peering.graceful_restart),
            "the guide that the template follows has it for sessions outside all VRFs alone",
            "leave graceful_restart out",
        ),
        Inability("communities", _large, NO_LARGE, "leave out communities with two colons"),
    ),
    "nxos": (
        Inability(
            "ttl_security",
            lambda peering, _: peering.ttl_security,
            "it has no TTL security for BGP in the reference that the template follows",
            "ttl_security: false",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: peering.graceful_restart is not None,
            "graceful restart is the process's, for all its neighbours, and on",
            "leave graceful_restart out",
        ),
        Inability(
            "multihop",
            lambda peering, as_numbers: bool(peering.multihop) and _dynamic(peering, as_numbers),
            "a range of neighbours ignores it",
            "neighbours: static",
        ),
        Inability("communities", _large, NO_LARGE, "leave out communities with two colons"),
    ),
    "junos": (
        Inability("neighbours", _dynamic, NO_LIMIT, "neighbours: static"),
        Inability(
            "ttl_security",
            lambda peering, _: peering.ttl_security,
            "what comes in is checked by a firewall filter, and the router's filters are not ours",
            "ttl_security: false",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: peering.graceful_restart == "full",
            "its own restart is the router's as a whole (routing-options), not of one group",
            "graceful_restart: helper, or off",
        ),
    ),
    "vyos": (
        Inability(
            "neighbours", _dynamic, "its groups have no timers, and a range would not get ours", "neighbours: static"
        ),
        TOO_LONG,
    ),
}


def inabilities(router: Router, as_numbers: Collection[int]) -> Iterator[Inability]:
    """What its platform cannot do of what its peering asks for."""
    for one in INABILITIES.get(router.platform, ()):
        if one.asked(router.peering, as_numbers):
            yield one


def most_paths(router: Router) -> int | None:
    """The most equal paths that its platform installs for one prefix; None where that is more than clusters have nodes."""
    return MOST_PATHS.get(router.platform)
