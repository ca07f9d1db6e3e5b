"""Why a session is lost, where the two ends do not agree, or what is between them lets nothing through. Pure."""

from ipaddress import ip_address

from kubepeer.checks import Evidence, Finding
from kubepeer.intent.families import by_number
from kubepeer.words import listed
from tasks.platforms.second_look import BGP
from tasks.routes.causes.cause import Alternative, CauseOfSession, Explanation, Lost, Situation
from tasks.routes.causes.of_nodes import PEERS

NODE_FILE = "bird.cfg of calico-node"
IDENTIFIER = ("Bad BGP identifier", "BGP Identifier Conflict", "Bad BGP Identifier")  # RFC 4271, 6.2
SILENCE = ("Hold timer expired", "Hold Timer Expired", "HoldTimer Expired")  # RFC 4271, 6.5
PATIENCE_SECONDS = (
    12  # two attempts to connect, 5 s apart as both ends are told: a session that is only coming up is none
)
UNANSWERED = ("Connect", "Active", "Idle", "OpenSent")


class AsDiffers(CauseOfSession):
    """One end expects another AS than the other end has.

    Looks at   the AS that the router expects of the node and the node's own, and the same the other way round.
    Proved by  two numbers that should be one (RFC 4271, 6.2: Bad Peer AS).
    Cure       python runbooks/deploy.py --dry-run shows which of the two is not the inventory's.
    """

    cure = "python runbooks/deploy.py --dry-run shows which end is not as the inventory says, and without it deploy.py mends it"

    def explain(self, lost: Lost) -> Explanation | None:
        """The four numbers."""
        own, configured = lost.own, lost.configured
        if own is None or configured is None:
            return None
        evidence = [
            lost.at_router("configuration", f"{lost.peer} {configured.lines.get('remote-as', 'any AS')}"),
            lost.at_node(PEERS, f"{own.name}: Local AS {own.local_as}, Neighbor AS {own.remote_as}"),
        ]
        if configured.said:
            evidence.append(lost.at_router("neighbours", f"{lost.peer} {configured.said}"))
        if configured.remote_as and own.local_as and configured.remote_as != own.local_as:
            says = f"{lost.name} is AS {own.local_as}, {lost.host} expects AS {configured.remote_as}"
        elif own.remote_as and configured.local_as and own.remote_as != configured.local_as:
            says = f"{lost.host} is AS {configured.local_as}, {lost.name} expects AS {own.remote_as}"
        else:
            return None
        return self.proved(says, *evidence)


class TtlSecurityOnOneSide(CauseOfSession):
    """One end demands packets from one hop away (RFC 5082), and the other does not send them so.

    Looks at   the router's configuration of the neighbour, and the node's own session.
    Proved by  ttl-security on one of them alone.
    Cure       data.peering.ttl_security of the router, and python runbooks/deploy.py: it tells both ends.
    """

    cure = "set data.peering.ttl_security of {router} as it is meant, and run python runbooks/deploy.py: it tells both ends"

    def explain(self, lost: Lost) -> Explanation | None:
        """Both configurations."""
        own, configured = lost.own, lost.configured
        if own is None or configured is None or None in (own.ttl_security, configured.ttl_security):
            return None
        if own.ttl_security == configured.ttl_security:
            return None
        demanding, other = (lost.host, lost.name) if configured.ttl_security else (lost.name, lost.host)
        return self.proved(
            f"TTL security on one side: {demanding} demands it, {other} does not send it",
            lost.at_router("configuration", f"{lost.peer} {configured.lines.get('ttl', 'no ttl-security')}"),
            lost.at_node(NODE_FILE, f"{own.name}: ttl security {'on' if own.ttl_security else 'off'}"),
            router=lost.host,
        )


class PasswordOnOneSide(CauseOfSession):
    """One end alone has a password (TCP MD5, RFC 2385): its kernel drops what the other one sends.

    Looks at   whether the router's neighbour has a password, and the node's own session.
    Proved by  one that has and one that has not.
    Cure       the password of cluster.bgp in the inventory, and python runbooks/deploy.py: it tells both ends.
    """

    cure = "name the password in the inventory (cluster.bgp), or take it away there, and run python runbooks/deploy.py: it tells both ends"

    def explain(self, lost: Lost) -> Explanation | None:
        """Which end has one."""
        own, configured = lost.own, lost.configured
        if own is None or configured is None or None in (own.password, configured.password):
            return None
        if bool(own.password) == bool(configured.password):
            return None
        has, lacks = (lost.host, lost.name) if configured.password else (lost.name, lost.host)
        return self.proved(
            f"{has} has a password for the session, {lacks} has none",
            lost.at_router("configuration", f"{lost.peer} {configured.lines.get('password', 'no password')}"),
            lost.at_node(NODE_FILE, f"{own.name}: {'password (set)' if own.password else 'no password'}"),
        )


class PasswordDiffers(CauseOfSession):
    """Both ends have a password, and not the same one (TCP MD5, RFC 2385): both kernels drop what comes.

    Looks at   digests of both, made on the machines with a salt that lives as long as the run: no password leaves them.
    Proved by  two digests that differ.
    Cure       python runbooks/deploy.py writes the inventory's to both ends.
    """

    cure = "python runbooks/deploy.py writes the inventory's password to both ends"

    def explain(self, lost: Lost) -> Explanation | None:
        """Two digests."""
        own, configured = lost.own, lost.configured
        if own is None or configured is None or not own.password or not configured.password:
            return None
        if own.password == configured.password:
            return None
        return self.proved(
            f"the passwords of {lost.host} and {lost.name} differ",
            lost.at_router("configuration", f"{lost.peer} {configured.lines.get('password', 'password (set)')}"),
            lost.at_node(NODE_FILE, f"{own.name}: password (set), another one: the salted digests differ"),
        )


class PortFiltered(CauseOfSession):
    """A firewall of one end drops BGP's packets (TCP port 179).

    Looks at   the rules of iptables that drop or reject that port, on both ends, with their counters.
    Proved by  one that has met packets, while the session is down.
    Cure       the rule goes, or the other end is let through before it.
    """

    cure = "take the rule away, or accept {router} and {node} before it"

    def explain(self, lost: Lost) -> Explanation | None:
        """The rules that have counted."""
        ends = (
            (lost.name, lost.node.drops if lost.node else (), lost.at_node),
            (lost.host, lost.situation.router.drops, lost.at_router),
        )
        for name, drops, at in ends:
            if drops:
                return self.proved(
                    f"port {BGP} is filtered on {name}: {drops[0]}",
                    at("iptables-save -c", drops[0]),
                    lost.as_seen,
                    router=lost.host,
                    node=lost.name,
                )
        return None


class NobodyListens(CauseOfSession):
    """Nothing listens on BGP's port at one end, and the other one opens the session.

    Looks at   the sockets that listen, of both ends.
    Proved by  sockets that were shown, none of them of port 179, at both ends.
    Cure       listenPort of BGPConfiguration, or the daemon's own listening address.
    """

    cure = "listenPort and bindMode of BGPConfiguration default, and the address that the router's daemon listens on"

    def explain(self, lost: Lost) -> Explanation | None:
        """Both ends' sockets."""
        if lost.node is None or lost.node.listens is not False or lost.situation.router.listens is not False:
            return None
        return self.proved(
            f"neither {lost.host} nor {lost.name} listens on port {BGP}",
            lost.at_router("ss -tln", f"no socket of port {BGP}"),
            lost.at_node("ss -tln", f"no socket of port {BGP}"),
        )


NAMED = 4  # nodes that are listed; of more, how many there are


class DuplicateRouterId(CauseOfSession):
    """Both ends of a session, or two nodes of one AS, have the same router id, which must be each one's own (RFC 6286).

    Looks at   the router ids of both daemons, and the last notification; those that the nodes have told the router.
    Proved by  one number at both ends, or of two nodes.
    Cure       the router's own router id; a node's is its address.
    """

    cure = "give {router} the router id of an address of its own; a node's is its address"
    cure_of_nodes = "give each node its own (Calico: CALICO_ROUTER_ID of calico-node, which is the node's address where nobody has set it)"

    def explain(self, lost: Lost) -> Explanation | None:
        """Both numbers."""
        theirs, ours = lost.node.router_id if lost.node else "", lost.situation.router.router_id
        if not ours or theirs != ours:
            return None
        said = lost.configured.said if lost.configured else ""
        return self.proved(
            f"{lost.host} and {lost.name} have the same router id, {ours}",
            lost.at_router("neighbours", f"router id {ours}{f'; {said}' if said else ''}"),
            lost.at_node("show status (BIRD of calico-node)", f"Router ID is {theirs}"),
            router=lost.host,
        )

    def of_nodes(self, finding: Finding, situation: Situation) -> Explanation:
        """Of a finding that nodes have told the router the same number."""
        (number,) = finding.observed
        peers = sorted(map(ip_address, (finding.subject, *finding.unexpected)), key=by_number)
        asked = situation.router.asked.get("neighbours", "neighbours")
        return Explanation(
            type(self).__name__,
            f"{listed([situation.name(peer) for peer in peers], NAMED)} have the same router id, {number}",
            tuple(Evidence(situation.host, asked, f"{peer} has router id {number}") for peer in peers),
            self.cure_of_nodes,
        )


class HoldTimerExpired(CauseOfSession):
    """The two ends did not hear each other for the hold time, though both are there.

    Looks at   what ended the session, at both ends, after every other cause.
    Proved by  an expired hold timer (RFC 4271, 6.5), while both daemons run and answer.
    Cure       what is between them: lost packets, or a machine that had no processor time.
    """

    cure = "ping {node} from {router} with large packets, and look at both loads: python runbooks/verify_services.py measures the path"

    def explain(self, lost: Lost) -> Explanation | None:
        """What either end remembers of the silence."""
        if lost.own is None or lost.session is None:
            return None
        router_said = lost.session.last_error or (lost.configured.said if lost.configured else "")
        remembered = [text for text in (router_said, lost.own.last_error) if any(one in text for one in SILENCE)]
        if not remembered:
            return None
        return self.proved(
            f"{lost.host} and {lost.name} did not hear each other for the hold time",
            lost.as_seen,
            lost.at_node(PEERS, f"{lost.own.name} {lost.own.bgp_state} {lost.own.last_error}".strip()),
            router=lost.host,
            node=lost.name,
            alternatives=(
                Alternative("packets are lost between them", f"ping -c 100 -i 0.2 {lost.peer}"),
                Alternative("one of the two machines was too busy", "uptime"),
            ),
        )


class Unanswered(CauseOfSession):
    """The connection of both ends does not come about, and neither end says why.

    Looks at   both ends: daemons that run, neighbours that name each other, the same AS, lifetimes and passwords.
    Proved by  a session that is not up though all of these agree: what is between the two drops it.
    Cure       what stands between them.
    """

    cure = "look at what is between {router} and {node}: a firewall, an access list of a switch"

    def explain(self, lost: Lost) -> Explanation | None:
        """Agreement of all that can be read, and no connection."""
        own, configured, session = lost.own, lost.configured, lost.session
        if own is None or configured is None or session is None or session.established:
            return None
        if own.bgp_state not in UNANSWERED or own.last_error or own.state == "down" or session.held_off:
            return None
        unknown = (own.password, configured.password, own.ttl_security, configured.ttl_security)
        if session.state not in ("Connect", "Active") or None in unknown or (session.seconds or 0) < PATIENCE_SECONDS:
            return None
        return self.proved(
            f"{lost.host} and {lost.name} agree, and no connection comes about: something between them drops it",
            lost.as_seen,
            lost.at_node(PEERS, f"{own.name} {own.bgp_state}"),
            router=lost.host,
            node=lost.name,
            alternatives=(
                Alternative(
                    f"port {BGP} is filtered between them", f"tcpdump -ni any tcp port {BGP} and host {lost.peer}"
                ),
            ),
        )
