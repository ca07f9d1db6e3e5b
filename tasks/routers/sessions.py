"""The BGP sessions of a router before and after a change, and what may not have become of them. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

GLOBAL = "global"  # NAPALM's name of the table outside all VRFs


@dataclass(frozen=True)
class Sessions:
    """The sessions that are up.

    Attributes:
        accepted: peer -> how many prefixes are accepted from it; None where the router does not count.

    """

    accepted: Mapping[str, int | None]

    @property
    def up(self) -> frozenset[str]:
        """The peers whose session is up."""
        return frozenset(self.accepted)


def session_name(peer: str, vrf: str | None) -> str:
    """A session as it is told from one with the same peer in another VRF."""
    return f"{peer} in {vrf}" if vrf and vrf != GLOBAL else peer


def sessions(tables: Mapping[str, Any]) -> Sessions:
    """Read what NAPALM's get_bgp_neighbors gives: {vrf: {"peers": {address: {"is_up", "address_family", ...}}}}."""
    return Sessions(
        {
            session_name(peer, vrf): _accepted(state)
            for vrf, table in tables.items()
            for peer, state in table["peers"].items()
            if state["is_up"]
        }
    )


def _accepted(state: Mapping[str, Any]) -> int | None:
    counts = [family["accepted_prefixes"] for family in (state.get("address_family") or {}).values()]
    known = [count for count in counts if count >= 0]  # NAPALM's -1: not counted
    return sum(known) if known else None


def objections(before: Sessions, now: Sessions, ours: Collection[str], may_go_down: Collection[str]) -> Iterator[str]:
    """Why a change must be taken back; nothing when it is good.

    Args:
        before: the sessions before the change.
        now: and after it.
        ours: the peers that are the cluster's nodes; what is accepted from them is what the change is about.
        may_go_down: peers whose session the change ends, or resets, on purpose.

    """
    for peer in sorted(before.up - set(may_go_down)):
        if peer not in now.up:
            yield f"the session with {peer} was up and is not"
        elif peer not in ours and before.accepted[peer] and now.accepted[peer] == 0:
            yield f"nothing is accepted from {peer} any more ({before.accepted[peer]} prefixes before)"
