"""The router ids that a router's neighbours have told it. Pure."""

from collections.abc import Iterator

from kubepeer.checks import Finding
from kubepeer.intent.families import Address, Version, by_number, version_of
from tasks.platforms.hops import shortened
from tasks.routes.case import Case, Check

ROUTER_ID = "router id"  # the check's name


class RouterIds(Check):
    """Every node has a router id of its own.

    Passes   no two nodes of one AS have told the router the same number.
    Fails    two have, where it must be unique in an AS (RFC 6286, 2.1). A router of another AS takes both; nodes that peer with each
             other refuse such a session, and a route reflector's routes do not come through (RFC 4456, 8).
             Of sessions that are up, where the router shows the numbers.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a node that has another's; none where all is well."""
        return [
            _finding(case, number, peer, peers)
            for number, peers in _shared(case)
            for peer in peers
            if case.concerns(str(peer))
        ]


def _shared(case: Case) -> Iterator[tuple[str, list[Address]]]:
    """The numbers that several nodes of one AS have told, and the nodes' addresses; a node has one for its sessions of both families."""
    holders: dict[tuple[Version, int | None, str], list[Address]] = {}
    for peer in sorted({*case.peers, *case.announced.speakers}, key=by_number):
        session = case.seen.sessions.get(peer)
        if session and session.established and session.terms.router_id:
            key = (version_of(peer), session.terms.remote_as, session.terms.router_id)
            holders.setdefault(key, []).append(peer)
    return ((number, peers) for (_, _, number), peers in holders.items() if len(peers) > 1)


def _finding(case: Case, number: str, peer: Address, peers: list[Address]) -> Finding:
    others = tuple(str(one) for one in peers if one != peer)
    return Finding(
        case.host, ROUTER_ID, str(peer), "bgp", ok=False, expected=("its own",), observed=(number,), unexpected=others,
        reason=f"{shortened(others)} has router id {number}, too",
    )  # fmt: skip
