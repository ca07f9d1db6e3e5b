"""Why a session is lost, where the router is what is wrong, or the inventory: not configured, shut down, cut off, another address. Pure."""

from tasks.routes.causes.cause import CauseOfSession, Explanation, Lost

LIMITS = (
    "Maximum Number of Prefixes",
    "Maximum prefix",
    "import limit",
    "receive limit",
    "PfxCt",
    "Route limit exceeded",
)
SHUT_DOWN = ("shut down in the router's configuration", "disabled on the router", "Down (shut down on the router)")
NO_POLICY = ("Inbound updates discarded", "refuses all of it", "requires-policy")


class WrongNodeAddress(CauseOfSession):
    """The node speaks BGP from another address than the inventory's, so that routers and node do not meet.

    Looks at   the address that Calico has found for the node (its annotation), and the inventory's.
    Proved by  two that differ.
    Cure       nodeAddressAutodetectionV4 of the Installation; python runbooks/deploy.py writes it.
    """

    cure = "python runbooks/deploy.py writes nodeAddressAutodetectionV4; calico-node looks for its address anew within a minute"

    def explain(self, lost: Lost) -> Explanation | None:
        """The same node under two addresses."""
        known = lost.situation.object_of(lost.peer)
        meant = [address for address, name in lost.situation.names.items() if known and _short(known.name) == name]
        there = [
            one
            for one in lost.situation.cluster.nodes.values()
            if _short(one.name) == lost.situation.names.get(lost.peer) and one.address not in (None, lost.peer)
        ]
        if known and meant and known.address == lost.peer and lost.peer not in meant:
            of, found, wanted = known, lost.peer, meant[0]
        elif there and there[0].address and not lost.situation.announced.speakers.get(lost.peer):
            of, found, wanted = there[0], there[0].address, lost.peer
        else:
            return None
        if found.version != wanted.version:
            return None
        return self.proved(
            f"{_short(of.name)} speaks from {found}, the inventory has {wanted}",
            lost.at_api(f"Node {of.name}", f"projectcalico.org address {found}"),
            lost.as_seen,
        )


class NotAMember(CauseOfSession):
    """The node is in the inventory, and the cluster has no such node.

    Looks at   the nodes of the API.
    Proved by  none with its name or its address.
    Cure       python runbooks/deploy.py makes it one, or it goes from the inventory.
    """

    cure = "python runbooks/deploy.py makes it a member, or take it out of the inventory"

    def explain(self, lost: Lost) -> Explanation | None:
        """The API's list."""
        situation = lost.situation
        if situation.cluster.unseen or not situation.cluster.nodes or lost.peer in situation.announced.speakers:
            return None
        return self.proved(
            f"{lost.name} is in the inventory, but the cluster has no such node",
            lost.at_api("Nodes", f"{len(situation.cluster.nodes)} nodes, none of this name or address"),
        )


class NeighbourNotConfigured(CauseOfSession):
    """The router does not have the node as its neighbour.

    Looks at   the router's neighbours.
    Proved by  a list of neighbours without the node's address.
    Cure       python runbooks/deploy.py configures it.
    """

    cure = "python runbooks/deploy.py --host {router} configures it; with --dry-run it shows what it would do"

    def explain(self, lost: Lost) -> Explanation | None:
        """The router's list."""
        if lost.session is not None:
            return None
        neighbours = len(lost.situation.seen.sessions)
        return self.proved(
            f"{lost.host} has no neighbour {lost.peer} ({lost.name})",
            lost.at_router("neighbours", f"{neighbours} neighbours, {lost.peer} is none of them"),
            router=lost.host,
        )


class ShutDownOnRouter(CauseOfSession):
    """The router has the neighbour shut down.

    Looks at   what the router says of the session.
    Proved by  its own word for it.
    Cure       the command that opens it again, once it is known who did it.
    """

    cure = "on {router}: open the session again, once it is known who shut it down"

    def explain(self, lost: Lost) -> Explanation | None:
        """Its word."""
        session = lost.session
        if session is None or not any(one in f"{session.state} {session.last_error}" for one in SHUT_DOWN):
            return None
        return self.proved(f"{lost.host} has the session with {lost.name} shut down", lost.as_seen, router=lost.host)


class PrefixLimitReached(CauseOfSession):
    """The node has announced more prefixes than the router takes of it, and the router has closed the session.

    Looks at   what ended the session.
    Proved by  the router's word, or its notification (RFC 4486, subcode 1).
    Cure       who announces so many; cluster.bgp.maximum_prefixes where they are meant. The session stays closed until somebody opens it.
    """

    cure = "find out what {node} announces; cluster.bgp.maximum_prefixes where it is meant; then open the session on {router} again"

    def explain(self, lost: Lost) -> Explanation | None:
        """The router's word."""
        session = lost.session
        if session is None:
            return None
        said = (
            f"{session.state} {session.last_error} {session.discards} {lost.configured.said if lost.configured else ''}"
        )
        if not any(one.lower() in said.lower() for one in LIMITS):
            return None
        more = (
            [lost.at_router("neighbours", f"{lost.peer} {lost.configured.said}")]
            if lost.configured and lost.configured.said
            else []
        )
        discards = [lost.at_router("neighbours", f"{lost.peer} {session.discards}")] if session.discards else []
        return self.proved(
            f"{lost.name} announces more prefixes than {lost.host} takes of it",
            lost.as_seen,
            *more,
            *discards,
            node=lost.name,
            router=lost.host,
        )


class PolicyMissing(CauseOfSession):
    """The session is up, and the router discards all of it: it has no policy for the neighbour (RFC 8212), or one that refuses everything.

    Looks at   what the router says of a session that is up.
    Proved by  its own word for it.
    Cure       python runbooks/deploy.py writes the policy.
    """

    cure = "python runbooks/deploy.py --host {router} writes the policy"

    def explain(self, lost: Lost) -> Explanation | None:
        """Its word."""
        session = lost.session
        if session is None or not session.established or not any(one in session.discards for one in NO_POLICY):
            return None
        return self.proved(
            f"{lost.host} discards all that {lost.name} announces: {session.discards}",
            lost.at_router("neighbours", f"{lost.peer} Established: {session.discards}"),
            router=lost.host,
        )


def _short(name: str) -> str:
    """A node's name as the inventory has it: without its domain."""
    return name.partition(".")[0]
