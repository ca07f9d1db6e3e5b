"""Why a prefix has next hops that nobody expects: a stranger, a longer prefix, a node that says too much, a block left behind. Pure."""

from collections.abc import Sequence

from kubepeer.checks import Evidence
from kubepeer.intent.families import within
from tasks.platforms.hops import shortened
from tasks.platforms.seen import Path
from tasks.routes.causes.cause import CauseOfRoute, Explanation, Wrong
from tasks.routes.causes.of_announcements import at_node, own_session
from tasks.routes.causes.of_tables import BY_HAND, at_router
from tasks.routes.expected import POD_BLOCK


class LeftBehind(CauseOfRoute):
    """A block that a deleted node has left is still on the router.

    Looks at   the blocks of nodes that are no more, and who announces them.
    Proved by  a BlockAffinity of a node that the API has not.
    Cure       Calico gives the block back by itself, 15 to 23 minutes after the node's end.
    """

    cure = "nothing: Calico gives the block back by itself; calicoctl ipam release does it at once"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The affinity."""
        why = wrong.situation.announced.left_behind.get(wrong.prefix)
        if not why or not wrong.finding.unexpected:
            return None
        return self.proved(f"{wrong.prefix}: {why}", Evidence("api", "BlockAffinity", why))


class MoreSpecificRoute(CauseOfRoute):
    """A longer prefix takes a part of one of the cluster's away: the longest match wins, whatever the others say.

    Looks at   what the router has within the cluster's prefixes and the cluster does not announce.
    Proved by  the prefix, and who announces it or has made it.
    Cure       whoever announces it stops, or the router's filter refuses it.
    """

    cure = "let {who} stop to announce {prefix}, or let the inbound filter of {router} refuse it"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The prefix around it, and the path."""
        if not wrong.finding.unexpected or any(one.prefix == wrong.prefix for one in wrong.situation.announced.routes):
            return None
        around = [one.prefix for one in wrong.situation.announced.routes if within(wrong.prefix, one.prefix)]
        if not around:
            return None
        longest = max(around, key=lambda prefix: prefix.prefixlen)
        brought = _brought(wrong)
        who = _named(wrong, brought) if brought else _by_hand(wrong)
        if not who:
            return None
        return self.proved(
            f"{wrong.prefix} by {who} takes a part of {longest} away",
            at_router(
                wrong,
                f"show bgp {wrong.prefix}" if brought else f"ip route show {wrong.prefix}",
                f"{wrong.prefix} via {shortened(wrong.finding.observed)}, by {who}",
            ),
            who=who,
            prefix=wrong.prefix,
            router=wrong.situation.host,
        )


class StrangerAnnounces(CauseOfRoute):
    """Somebody who is no node of this cluster announces one of its prefixes: another cluster, another router, a mistake.

    Looks at   the paths of the prefix on the router, and the nodes of the cluster.
    Proved by  a path that is in use, by a peer that is no node of the cluster.
    Cure       the stranger stops, or the router's filter for that peer refuses the cluster's networks.
    """

    cure = "let {who} stop to announce {prefix}, or let the inbound filter of {router} for that peer refuse it"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The stranger's path."""
        known = {*wrong.situation.announced.speakers, *wrong.situation.names}
        strangers = [path for path in _brought(wrong) if path.peer not in known]
        if not strangers:
            return None
        who = shortened({str(path.peer) for path in strangers})
        hops = shortened({path.hop for path in strangers})
        configured = wrong.situation.router.peers.get(strangers[0].peer) if strangers[0].peer else None
        in_as = f" in AS {configured.remote_as}" if configured and configured.remote_as else ""
        return self.proved(
            f"{who}, which is no node of this cluster, announces {wrong.prefix} to {wrong.situation.host}",
            at_router(wrong, f"show bgp {wrong.prefix}", f"via {hops} from {who}{in_as}, in use"),
            Evidence("api", "Nodes", f"{who} is the address of none"),
            who=who,
            prefix=wrong.prefix,
            router=wrong.situation.host,
        )


class NextHopIsSelf(CauseOfRoute):
    """Nodes announce another node's pod block with themselves as next hop: flows go to any of them first, and also when its owner is dead.

    Looks at   the paths of the block on the router, and the BGPPeers that name the router.
    Proved by  a path in use of a node that does not own the block, and a BGPPeer that keeps no next hop.
    Cure       keepOriginalNextHop: true, or from Calico 3.30.2 on nextHopMode: Keep; or a BGPFilter that leaves each node its own blocks.
    """

    cure = "keepOriginalNextHop: true in BGPPeer {peers} (from Calico 3.30.2 on nextHopMode: Keep)"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The others' paths, and the objects that they come of."""
        situation = wrong.situation
        route = next((one for one in situation.announced.routes if one.prefix == wrong.prefix), None)
        if route is None or not route.why.startswith(POD_BLOCK):
            return None
        others = {*situation.announced.speakers} - route.next_hops
        senders = {path.peer for path in _brought(wrong) if path.own and path.peer in others}
        peers = [one for one in situation.cluster.peers_at(situation.addresses) if not one.keeps_next_hop]
        if not senders or not peers:
            return None
        owner = ", ".join(sorted(situation.name(hop) for hop in route.next_hops))
        who = ", ".join(sorted(situation.name(peer) for peer in senders if peer is not None))
        return self.proved(
            f"{who} announce{'s' if len(senders) == 1 else ''} {wrong.prefix}, a block of {owner}, with the own address as next hop",
            at_router(
                wrong,
                f"show bgp {wrong.prefix}",
                f"via {shortened({str(one) for one in senders})}, each from itself, in use",
            ),
            *(
                Evidence("api", f"BGPPeer {one.name}", "neither keepOriginalNextHop: true nor nextHopMode: Keep")
                for one in peers
            ),
            peers=", ".join(one.name for one in peers),
        )


class NodeAnnouncesTooMuch(CauseOfRoute):
    """A node of the cluster announces what the cluster's objects do not give it: an endpoint that has moved, a route made there by hand.

    Looks at   the paths of the prefix on the router, and what the cluster's objects say of that node.
    Proved by  a path of the node itself that is in use.
    Cure       calico-node there has not followed the cluster's objects, or somebody has made a route on the node.
    """

    cure = "on {node}: ip route show {prefix}, and the log of calico-node: it has not followed, or the route is made by hand"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The node's path."""
        paths = [path for path in _brought(wrong) if path.peer in wrong.situation.announced.speakers and path.own]
        if not paths or paths[0].peer is None:
            return None
        peer = paths[0].peer
        own = own_session(wrong, peer)
        at_both = (
            [at_node(wrong, peer, own, f"{wrong.prefix} is announced")]
            if own and own.announced and wrong.prefix in own.announced
            else []
        )
        name = wrong.situation.name(peer)
        return self.proved(
            f"{name} announces {wrong.prefix}, which the cluster does not give it",
            at_router(wrong, f"show bgp {wrong.prefix}", f"via {paths[0].hop} from {peer}, in use"),
            *at_both,
            node=name,
            prefix=wrong.prefix,
        )


def _brought(wrong: Wrong) -> Sequence[Path]:
    """The paths in use that have brought unexpected next hops."""
    seen, unexpected = wrong.situation.seen, {*wrong.finding.unexpected}
    return [
        path
        for path in seen.bgp.get(wrong.prefix, ())
        if path.chosen and path.peer is not None and seen.shown(wrong.layer, path.hop) & unexpected
    ]


def _named(wrong: Wrong, paths: Sequence[Path]) -> str:
    return ", ".join(sorted({wrong.situation.name(path.peer) for path in paths if path.peer is not None}))


def _by_hand(wrong: Wrong) -> str:
    """A route that no neighbour has brought: of the kernel alone, or one that the router's own table has of another protocol."""
    seen, host = wrong.situation.seen, wrong.situation.host
    taken = seen.chosen_kernel(wrong.prefix)
    if taken and taken.prefix == wrong.prefix and taken.protocol in BY_HAND:
        return f"a route made by hand on {host} (proto {taken.protocol})"
    chosen = seen.chosen_rib(wrong.prefix) if wrong.layer != "bgp" else None
    return f"a route of {host} by {chosen.protocol}" if chosen and chosen.protocol != "bgp" else ""
