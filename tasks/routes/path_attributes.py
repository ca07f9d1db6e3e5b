"""The attributes of the nodes' own paths against what the inventory says. Pure."""

from abc import abstractmethod
from collections.abc import Iterator

from kubepeer.checks import Finding
from kubepeer.intent.families import Address, Network, by_number
from kubepeer.words import listed
from tasks.platforms.seen import Path
from tasks.routes.case import Case, Check
from tasks.routes.intended import Intended

AS_PATH, COMMUNITY = "as path", "community"  # the checks' names
NAMED = 3  # prefixes that are listed; of more, how many there are


class _OfPaths(Check):
    """What is asked of each path that a node announces itself, where the cluster expects it; a copy by another node is not judged."""

    name: str

    @abstractmethod
    def _wrong(self, path: Path, prefix: Network, wanted: Intended, peer: Address, case: Case) -> str:
        """What is wrong with a path; "" where nothing is, or the router does not show it."""

    def findings(self, case: Case) -> list[Finding]:
        """One answer a node and mistake; none where all is well."""
        wanted = case.intended
        if wanted is None:
            return []
        wrong: dict[tuple[Address, str], list[Network]] = {}
        for peer, prefix, path in _own_paths(case):
            if peer in wanted.nodes and (said := self._wrong(path, prefix, wanted, peer, case)):
                wrong.setdefault((peer, said), []).append(prefix)
        ordered = sorted(wrong, key=lambda one: (by_number(one[0]), one[1]))
        return [
            Finding(case.host, self.name, str(peer), "bgp", ok=False, reason=f"{said}: {_listed(wrong[peer, said])}")
            for peer, said in ordered
        ]


class AsPaths(_OfPaths):
    """The path of a node's route is its own AS alone, and its origin IGP.

    Passes   the AS path is the node's AS, once (empty where router and nodes share one, RFC 4271, 5.1.2), the origin what a node
             of Calico gives its own routes. An AS that the router itself has put before it (local-as) does not count.
    Fails    a prepended path loses against shorter ones; a foreign AS in it; another origin: redistributed from somewhere. The
             router's filter in would refuse all but the node's AS, and is not the one that Kubepeer writes. Where a router
             shows no AS path nothing is judged; the origin not either where MetalLB speaks.
    """

    name = AS_PATH

    def _wrong(self, path: Path, prefix: Network, wanted: Intended, peer: Address, case: Case) -> str:  # noqa: ARG002
        shown, origin = path.attributes.as_path, path.attributes.origin
        session = case.seen.sessions.get(peer)
        local = (session and session.terms.local_as) or wanted.router_as
        number = wanted.nodes[peer]
        expected = () if local == number else (str(number),)
        said = []
        if shown is not None and _without(shown, str(local)) != expected:
            said.append(f"AS path {' '.join(shown) or 'empty'} and not {' '.join(expected) or 'empty'}")
        if origin is not None and wanted.origin is not None and origin != wanted.origin:
            said.append(f"origin {origin} and not {wanted.origin}")
        return ", ".join(said)


class Communities(_OfPaths):
    """A node's route has the communities that the inventory names for its network, and those that the router adds.

    Passes   all of them are there. Others may be, too.
    Fails    one is missing: BGPConfiguration is not what deploy.py writes, the router's filter takes it away, or does not add its own.
             Where a router's table does not show communities nothing is judged.
    """

    name = COMMUNITY

    def _wrong(self, path: Path, prefix: Network, wanted: Intended, peer: Address, case: Case) -> str:  # noqa: ARG002
        shown = path.attributes.communities
        missing = wanted.communities_of(prefix) - shown if shown is not None else frozenset()
        return f"its routes lack {', '.join(sorted(missing))}" if missing else ""


def _own_paths(case: Case) -> Iterator[tuple[Address, Network, Path]]:
    """Each once through: a network of services has a path of every node."""
    for route in case.announced.routes:
        for path in case.seen.bgp.get(route.prefix, ()):
            if path.peer in route.next_hops and path.own and case.concerns(path.hop):
                yield path.peer, route.prefix, path


def _without(path: tuple[str, ...], local: str) -> tuple[str, ...]:
    """A path without the AS that the router has put before it itself (`local-as`)."""
    return path[1:] if path[:1] == (local,) and len(path) > 1 else path


def _listed(prefixes: list[Network]) -> str:
    some = list(dict.fromkeys(map(str, prefixes)))
    return listed(some, NAMED)
