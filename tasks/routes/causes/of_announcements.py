"""Why a prefix has other next hops in BGP: a filter of either end, a stranger, a longer prefix, a node that says too much. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from kubepeer.checks import Evidence
from kubepeer.intent.families import Address, Network, within
from tasks.platforms.hops import ADDRESS, Hop, shortened
from tasks.platforms.seen import Path
from tasks.routes.causes.cause import Alternative, CauseOfRoute, Explanation, Wrong, shortened_text
from tasks.routes.causes.node_look import NodePeer
from tasks.routes.causes.of_tables import BY_HAND, at_router
from tasks.routes.expected import NOT_ADVERTISED

EXPORTED = "birdcl show route export {}"
# What a rule asks beside the network: of an announcement of the node's own it cannot be told (projectcalico.org/v3, BGPFilterRuleV4)
FURTHER = ("interface", "source", "communities", "asPathPrefix", "peerType", "priority")


class NotAdvertised(CauseOfRoute):
    """BGPConfiguration does not advertise a network of the inventory.

    Looks at   BGPConfiguration default, and the networks of the inventory.
    Proved by  a network of the inventory that is in none of its lists.
    Cure       python runbooks/deploy.py writes it.
    """

    cure = "python runbooks/deploy.py writes BGPConfiguration default"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """Why the prefix is expected at all."""
        route = next((one for one in wrong.situation.announced.routes if one.prefix == wrong.prefix), None)
        if route is None or route.why != NOT_ADVERTISED or not wrong.missing:
            return None
        return self.proved(
            f"BGPConfiguration default does not advertise {wrong.prefix}",
            Evidence("api", "BGPConfiguration default", f"{wrong.prefix} is in none of its lists"),
        )


class NodeWaits(CauseOfRoute):
    """A node that has just started says nothing yet: its BIRD waits for another router (RFC 4724).

    Looks at   the node's session here, and its sessions with the other routers.
    Proved by  a session that is up and has brought nothing since less than 240 s, while another router has none with it.
    Cure       the other router; it speaks by itself when the time is over.
    """

    cure = "bring the other router's session up; without it the node speaks when its time is over"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """What was found about the session."""
        for hop in _about(wrong):
            peer = _address(hop)
            session = wrong.situation.seen.sessions.get(peer) if peer else None
            if session and session.established and session.waits:
                return self.proved(
                    session.waits,
                    at_router(
                        wrong, f"neighbour {hop}", f"Established for {session.seconds} s, 0 prefixes: {session.waits}"
                    ),
                )
        return None


class RouterFilterRefuses(CauseOfRoute):
    """The router's own policy refuses what the node announces.

    Looks at   the router's inbound policy for the node (prefix lists, route maps), and what the node's BIRD tells this router.
    Proved by  the entry that refuses the prefix; else a node that announces it on a session that is up, and a router without it.
    Cure       python runbooks/deploy.py --dry-run shows what is not as it wrote it.
    """

    cure = "python runbooks/deploy.py --host {router} --dry-run shows what is not as it wrote it; another's filter is his to mend"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The entry of the list, or both ends."""
        situation = wrong.situation
        for hop in wrong.missing:
            peer = _address(hop)
            session = situation.seen.sessions.get(peer) if peer else None
            if (
                peer is None
                or session is None
                or not session.established
                or situation.seen.own_paths(wrong.prefix, hop)
            ):
                continue
            own = _own(wrong, peer)
            told = own is not None and own.announced is not None and wrong.prefix in own.announced
            if own is not None and own.announced is not None and not told:
                continue  # the node itself does not say it
            policy = situation.router.policies.get(peer)
            refusal = policy.refusal(wrong.prefix) if policy else ""
            configured = situation.router.peers.get(peer)
            name = (configured.lines.get("policy", "") if configured else "") or "its inbound policy"
            if not (refusal or told):
                continue
            evidence = [
                at_router(
                    wrong, situation.router.asked.get("configuration", "configuration"), refusal or f"{peer} {name}"
                )
            ]
            if own is not None and told:
                evidence.append(_at_node(wrong, peer, own, f"{wrong.prefix} is announced"))
            if configured and configured.refused:
                evidence.append(at_router(wrong, f"neighbour {peer}", f"{configured.refused} prefixes filtered"))
            says = f"{situation.host} filters {wrong.prefix} of {situation.name(peer)} by {refusal or name}"
            return self.proved(says, *evidence, router=situation.host)
        return None


class NodeFilterRefuses(CauseOfRoute):
    """A BGPFilter keeps the node from announcing the prefix to this router.

    Looks at   the BGPFilters of the BGPPeers that name the router, and what the node's BIRD tells it.
    Proved by  a rule that rejects the prefix, and a node that does not announce it.
    Cure       the rule goes, or another one stands before it.
    """

    cure = "kubectl edit bgpfilter {filter}: take the rule away, or accept {prefix} before it"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The rule."""
        situation = wrong.situation
        for hop in wrong.missing:
            peer = _address(hop)
            own = _own(wrong, peer) if peer else None
            if peer is None or own is None or own.announced is None or wrong.prefix in own.announced:
                continue
            for named in situation.cluster.peers_at(situation.addresses):
                for name in named.filters:
                    rule = rejecting(situation.cluster.filters.get(name, {}), wrong.prefix)
                    if rule is not None:
                        return self.proved(
                            f"BGPFilter {name} keeps {situation.name(peer)} from announcing {wrong.prefix} to {situation.host}",
                            Evidence("api", f"BGPFilter {name}", shortened_text(rule)),
                            _at_node(wrong, peer, own, f"{wrong.prefix} is not announced"),
                            filter=name,
                            prefix=wrong.prefix,
                        )
        return None


class NodeDoesNotAnnounce(CauseOfRoute):
    """The node's session is up, and its BIRD does not announce the prefix, though the cluster's objects say that it should.

    Looks at   what the node's BIRD tells this router, and the BGPFilters.
    Proved by  a list of what it announces, without the prefix, and no filter that explains it.
    Cure       calico-node on the node has not followed the cluster's objects: its log.
    """

    cure = "kubectl logs of calico-node on {node}: why it has not followed; it is told again when the pod is restarted"

    def explain(self, wrong: Wrong) -> Explanation | None:
        """The node's list."""
        for hop in wrong.missing:
            peer = _address(hop)
            own = _own(wrong, peer) if peer else None
            if peer is None or own is None or own.announced is None or wrong.prefix in own.announced:
                continue
            if own.bgp_state != "Established":
                continue
            return self.proved(
                f"{wrong.situation.name(peer)} does not announce {wrong.prefix}",
                _at_node(wrong, peer, own, f"{len(own.announced)} prefixes, {wrong.prefix} is none of them"),
                node=wrong.situation.name(peer),
                alternatives=(
                    Alternative(
                        "calico-node has not followed the cluster's objects yet", "kubectl logs -n calico-system"
                    ),
                ),
            )
        return None


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
        own = _own(wrong, peer)
        at_both = (
            [_at_node(wrong, peer, own, f"{wrong.prefix} is announced")]
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


def rejecting(spec: Mapping[str, Any], prefix: Network) -> str | None:
    """The rule of a BGPFilter that keeps a prefix back; None where none does, or an earlier one accepts it.

    calico: api/pkg/apis/projectcalico/v3/bgpfilter.go: the first rule that matches decides. A rule that asks more than the network is
    passed over: it proves nothing of an announcement of the node's own.
    """
    for rule in spec.get(f"exportV{prefix.version}") or ():
        if any(rule.get(key) for key in FURTHER) or not _matches(rule, prefix):
            continue
        if str(rule.get("action")) != "Reject":
            return None
        return ", ".join(f"{key}: {value}" for key, value in rule.items())
    return None


def _matches(rule: Mapping[str, Any], prefix: Network) -> bool:
    length = rule.get("prefixLength") or {}
    if not int(length.get("min") or 0) <= prefix.prefixlen <= int(length.get("max") or prefix.max_prefixlen):
        return False
    if not rule.get("cidr"):
        return True
    network = ip_network(str(rule["cidr"]), strict=False)
    inside, equal = within(prefix, network), prefix == network
    answers = {"In": inside, "NotIn": not inside, "Equal": equal, "NotEqual": not equal}
    return answers.get(str(rule.get("matchOperator")), False)


def _about(wrong: Wrong) -> Iterator[Hop]:
    """The next hops that are missing, or kept though nobody has told them anew."""
    yield from wrong.missing
    if not wrong.missing:
        yield from wrong.situation.seen.stale(wrong.prefix)


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


def _own(wrong: Wrong, peer: Address) -> NodePeer | None:
    node = wrong.situation.nodes.get(peer)
    peers = node.peers if node else None
    return next((one for address, one in (peers or {}).items() if address in wrong.situation.addresses), None)


def _at_node(wrong: Wrong, peer: Address, own: NodePeer, answered: str) -> Evidence:
    return Evidence(wrong.situation.name(peer), EXPORTED.format(own.name), shortened_text(answered))


def _address(hop: Hop) -> Address | None:
    return ip_address(hop) if ADDRESS.match(hop) else None
