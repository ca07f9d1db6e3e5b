"""Neighbours of a router that are nobody's in the cluster, and speak for it. Pure."""

from collections.abc import Iterable, Sequence

from kubepeer.checks import Finding
from kubepeer.intent.families import Address, Network, by_number
from kubepeer.words import listed
from tasks.platforms.seen import Path, Session
from tasks.routes.case import REMARK, Case, Check
from tasks.routes.intended import Intended

STRANGER = "stranger"  # the check's name
NAMED = 3  # prefixes that are listed; of more, how many there are


class Strangers(Check):
    """Nobody but the cluster's nodes speaks for the cluster on the router.

    Passes   every neighbour in the cluster's AS is a node of it, and no other neighbour's path to its networks is used. Another
             router's path that ends in the cluster's AS leads to the cluster, and is nobody's own; one that is not used, and a
             neighbour of another AS on the nodes' network that is up, are remarks.
    Fails    a neighbour, up or not, in the cluster's AS that is no node: of a second cluster, or a node that was forgotten there;
             one that is no node and announces the cluster's networks, where the router uses it.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a stranger; none where there is none."""
        wanted = case.intended
        if wanted is None:
            return []
        known = {*case.peers, *case.announced.speakers, *wanted.nodes, *wanted.others}
        paths = _by_sender(case, wanted)
        strangers = sorted({*case.seen.sessions, *paths} - known, key=by_number)
        judged = [peer for peer in strangers if case.concerns(str(peer))]
        return [one for peer in judged if (one := _finding(case, wanted, peer, paths.get(peer, [])))]


def _by_sender(case: Case, wanted: Intended) -> dict[Address, list[tuple[Network, Path]]]:
    """The paths in the cluster's networks that do not lead to it, by who has sent them."""
    found: dict[Address, list[tuple[Network, Path]]] = {}
    for prefix, paths in case.seen.bgp.items():
        for path in paths:
            if path.peer is not None and not _leads_to_the_cluster(path, wanted):
                found.setdefault(path.peer, []).append((prefix, path))
    return found


def _leads_to_the_cluster(path: Path, wanted: Intended) -> bool:
    """Whether another AS passes on what the cluster's has told it; where the AS path is not shown, nobody can say."""
    said = path.attributes.as_path
    return said is None or (len(said) > 1 and said[-1].isdigit() and int(said[-1]) in wanted.as_numbers)


def _finding(case: Case, wanted: Intended, peer: Address, paths: Sequence[tuple[Network, Path]]) -> Finding | None:
    session = case.seen.sessions.get(peer)
    number = session.terms.remote_as if session else None
    own = (session and session.terms.local_as) or wanted.router_as
    same = number in wanted.as_numbers and number != own
    used = any(path.chosen for _, path in paths)
    said = [_who(session, number, same=same), *_what(paths)]
    if same or used:
        hops = tuple(dict.fromkeys(str(prefix) for prefix, _ in paths))
        state = (session.state,) if session else ()
        return Finding(
            case.host, STRANGER, str(peer), "bgp", ok=False, observed=state, unexpected=hops, reason=", ".join(said)
        )
    if paths or (session and session.established and any(peer in link for link in wanted.links)):
        return Finding(case.host, REMARK, str(peer), "bgp", ok=True, reason=", ".join(said))
    return None


def _who(session: Session | None, number: int | None, *, same: bool) -> str:
    state = f"{session.state} " if session else ""
    of = f"in AS {number}" if number else "in an AS that is not told"
    return f"a stranger, {state}in the cluster's own AS {number}" if same else f"no node of the cluster, {state}{of}"


def _what(paths: Sequence[tuple[Network, Path]]) -> list[str]:
    if not paths:
        return []
    ways = dict.fromkeys(" ".join(path.attributes.as_path or ()) for _, path in paths)
    by = f" (AS path {next(iter(ways)) or 'empty'})" if len(ways) == 1 else ""
    every = sorted({prefix for prefix, _ in paths}, key=by_number)
    used = sorted({prefix for prefix, path in paths if path.chosen}, key=by_number)
    taken = _listed(used) if len(used) < len(every) else "it" if len(every) == 1 else "them"
    return [
        f"announces {_listed(every)}{by}",
        f"and the router uses {taken}" if used else "which is not used: other paths are better",
    ]


def _listed(prefixes: Iterable[Network]) -> str:
    some = list(map(str, prefixes))
    return listed(some, NAMED)
