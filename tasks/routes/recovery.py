"""Nodes that say nothing yet, since Calico's BIRD has just started and waits for another router. Pure.

Calico starts BIRD with -R (calico: node/filesystem/etc/service/available/bird/run), always: it takes a start for a restart (RFC 4724), and
announces nothing to anybody until every neighbour that it is configured with has told its routes, or until its own patience ends
(BIRD User's Guide, 3.2, `graceful restart wait`). One router that is down makes a new node silent on all others for that long.
"""

from collections.abc import Callable
from dataclasses import replace

from kubepeer.intent import Intent, Node, Router
from kubepeer.intent.families import Address
from tasks.platforms.seen import RouterSeen, Session
from tasks.routes.expected import Announced
from tasks.routes.selection import addresses_of

RECOVERY_SECONDS = 240  # BIRD's default of `graceful restart wait`; Calico's configuration does not set it

HasSession = Callable[[str, Address], bool | None]
"""Whether the router of that name has a session with this address; None where it was not asked."""


def with_recovery(
    seen: RouterSeen, intent: Intent, announced: Announced, router: Router, has_session: HasSession
) -> RouterSeen:
    """What was seen, with the reason on every session that is up and silent while another router is away.

    Args:
        seen: on this router.
        intent: which routers a node peers with.
        announced: the addresses that the nodes have in the live cluster.
        router: the one that was asked.
        has_session: what is known of the others.

    """
    sessions = dict(seen.sessions)
    for node in intent.peers_of(router):
        for address in addresses_of(node, announced) or node.addresses:
            session = sessions.get(address)
            if session and _is_silent(seen, session) and remaining(session):
                sessions[address] = replace(session, waits=_reason(node, address, session, router, has_session))
    return replace(seen, sessions=sessions)


def remaining(session: Session) -> int:
    """The seconds for which a node may still wait for another router, as long as its session is up."""
    return max(0, RECOVERY_SECONDS - session.seconds) if session.established and session.seconds is not None else 0


def _is_silent(seen: RouterSeen, session: Session) -> bool:
    """Whether a session has brought nothing: all that is there of it is kept from the one before (stale), if anything is."""
    paths = [path for routes in seen.bgp.values() for path in routes if path.peer == session.peer]
    return all(path.stale for path in paths) if paths else not session.accepted


def seconds_to_wait(seen: RouterSeen) -> int:
    """How long the last of the nodes, or of the router's own sessions, that wait may still do so; 0 where none does."""
    return max(
        (max(remaining(session), session.held_off) for session in seen.sessions.values() if session.waits), default=0
    )


def _reason(node: Node, address: Address, session: Session, router: Router, has_session: HasSession) -> str:
    others = {name: has_session(name, address) for name in node.routers if name != router.name}
    away = [name for name, up in others.items() if up is False]
    unknown = [name for name, up in others.items() if up is None]
    if not (away or unknown):
        return ""
    verb = "waits" if away else "may wait"
    plural = "s" if len(away or unknown) > 1 else ""
    return (
        f"{node.name} {verb} for the session{plural} with {', '.join(away or unknown)}"
        f" (BIRD recovers from a restart, RFC 4724): up to {remaining(session)} s more"
    )
