"""What nodes bring to a router that is none of the cluster's: a default route, the nodes' own network, a bridge of Docker's. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from kubepeer.checks import Finding
from kubepeer.intent.families import Address, Network, by_number
from kubepeer.words import listed
from tasks.linux.observe import Answer
from tasks.platforms.reader import ReadsLeaks, RouterReader
from tasks.platforms.seen import RouterSeen, Session
from tasks.routes.case import Case, Check

LEAK = "leak"  # the check's name
NAMED = 5
Ask = Callable[
    [Mapping[str, str]], Mapping[str, Answer]
]  # shell commands by name, as a reader has them, to their answers
DOCKER = "172.17.0.0/16"  # the default of dockerd's bridge


class Leaks(Check):
    """The router takes nothing of a node but the cluster's networks.

    Passes   of each node the router has accepted as many prefixes as it has of it in the cluster's networks.
    Fails    there are more, and they were found: a default route, the nodes' network, a bridge of the node's own. The router's
             filter in is not the one that Kubepeer writes. Of routers that can be asked for it. What a node announces and the
             router refuses is not seen: it keeps none of it.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a node that brings more; none where nobody does."""
        leaked = {peer: some for peer, some in case.seen.leaked.items() if some and peer in case.peers}
        return [
            self._finding(case, peer, leaked[peer])
            for peer in sorted(leaked, key=by_number)
            if case.concerns(str(peer))
        ]

    def _finding(self, case: Case, peer: Address, prefixes: tuple[Network, ...]) -> Finding:
        links = case.intended.links if case.intended else ()
        named = listed([_named(one, links) for one in prefixes], NAMED)
        reason = f"the router takes {named} from it, outside of the cluster's networks: its filter in lets them pass"
        return Finding(case.host, LEAK, str(peer), "bgp", ok=False, unexpected=tuple(map(str, prefixes)), reason=reason)


def suspects(seen: RouterSeen, nodes: Collection[Address]) -> list[Session]:
    """The sessions with nodes that have brought more prefixes than there are in the networks that were asked about.

    A route that was withdrawn between two questions looks the same: what there is has to be asked for by name.
    """
    within: Mapping[Address | None, int] = Counter(path.peer for paths in seen.bgp.values() for path in paths)
    up = (session for peer, session in seen.sessions.items() if peer in nodes and session.established)
    return [session for session in up if session.accepted > within.get(session.peer, 0)]


def with_leaks(
    seen: RouterSeen, reader: RouterReader, nodes: Collection[Address], networks: Sequence[Network], ask: Ask
) -> RouterSeen:
    """What was seen, with what nodes have brought outside of the networks: asked by name where a session's count says that there is some.

    Raises:
        KubepeerError: the router does not answer the second question.

    """
    if not isinstance(reader, ReadsLeaks) or not (doubtful := suspects(seen, nodes)):
        return seen
    return replace(seen, leaked=reader.read_leaks(ask(reader.leak_questions(doubtful, networks)), networks))


def _named(prefix: Network, links: Collection[Network]) -> str:
    if prefix.prefixlen == 0:
        return f"{prefix} (a default route)"
    if any(prefix.overlaps(link) for link in links if link.version == prefix.version):
        return f"{prefix} (of the nodes' network)"
    return f"{prefix} (Docker's bridge)" if str(prefix) == DOCKER else str(prefix)
