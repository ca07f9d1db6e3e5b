"""Why a prefix lacks next hops though its sessions are up: a filter of either end, a node that says nothing. Pure."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from kubepeer.checks import Evidence
from kubepeer.intent.families import Address, Network, within
from tasks.platforms.hops import ADDRESS, Hop
from tasks.routes.causes.cause import Alternative, CauseOfRoute, Explanation, Wrong, shortened_text
from tasks.routes.causes.node_look import NodePeer
from tasks.routes.causes.of_tables import at_router
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

    cure = "python runbooks/deploy.py writes BGPConfiguration default; of a cluster that Kubepeer did not build its owner does"

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
            own = own_session(wrong, peer)
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
                evidence.append(at_node(wrong, peer, own, f"{wrong.prefix} is announced"))
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
            own = own_session(wrong, peer) if peer else None
            if peer is None or own is None or own.announced is None or wrong.prefix in own.announced:
                continue
            for named in situation.cluster.peers_at(situation.addresses):
                for name in named.filters:
                    rule = rejecting(situation.cluster.filters.get(name, {}), wrong.prefix)
                    if rule is not None:
                        return self.proved(
                            f"BGPFilter {name} keeps {situation.name(peer)} from announcing {wrong.prefix} to {situation.host}",
                            Evidence("api", f"BGPFilter {name}", shortened_text(rule)),
                            at_node(wrong, peer, own, f"{wrong.prefix} is not announced"),
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
            own = own_session(wrong, peer) if peer else None
            if peer is None or own is None or own.announced is None or wrong.prefix in own.announced:
                continue
            if own.bgp_state != "Established":
                continue
            return self.proved(
                f"{wrong.situation.name(peer)} does not announce {wrong.prefix}",
                at_node(wrong, peer, own, f"{len(own.announced)} prefixes, {wrong.prefix} is none of them"),
                node=wrong.situation.name(peer),
                alternatives=(
                    Alternative(
                        "calico-node has not followed the cluster's objects yet", "kubectl logs -n calico-system"
                    ),
                ),
            )
        return None


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


def own_session(wrong: Wrong, peer: Address) -> NodePeer | None:
    """The node's own session with this router; None where it has none, or could not be asked."""
    node = wrong.situation.nodes.get(peer)
    peers = node.peers if node else None
    return next((one for address, one in (peers or {}).items() if address in wrong.situation.addresses), None)


def at_node(wrong: Wrong, peer: Address, own: NodePeer, answered: str) -> Evidence:
    """What the node's daemon says that it tells this router."""
    return Evidence(wrong.situation.name(peer), EXPORTED.format(own.name), shortened_text(answered))


def _address(hop: Hop) -> Address | None:
    return ip_address(hop) if ADDRESS.match(hop) else None
