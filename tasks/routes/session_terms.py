"""What the router and a node have agreed upon, against what the inventory says: AS numbers and timers. Pure."""

from collections.abc import Iterator

from kubepeer.checks import Finding
from kubepeer.intent.families import Address, by_number
from tasks.platforms.attributes import Terms
from tasks.platforms.seen import Session
from tasks.routes.case import REMARK, Case, Check
from tasks.routes.intended import Intended

AS_NUMBER, TIMERS = "as number", "timers"  # the checks' names


class SessionTerms(Check):
    """A session is between the AS numbers of the inventory, and has its timers.

    Passes   the neighbour's AS and the router's own are the inventory's; the router offers its hold time and keepalive.
    Fails    another AS on the router, or accepted by it; other timers in its configuration, or a longer hold time in force than it
             should offer: a dead node is noticed later. What is in force and not configured (the smaller of both ends' hold times
             counts, RFC 4271, 4.2, from the session's beginning on) is a remark. Of nodes that are in the
             inventory; what a router does not tell is not judged (docs/verification.md), and timers that
             nobody has said of a cluster that Kubepeer did not build are not either.
    """

    def findings(self, case: Case) -> list[Finding]:
        """One answer a node and mistake; none where all is well."""
        wanted = case.intended
        if wanted is None:
            return []
        sessions = ((peer, case.seen.sessions.get(peer)) for peer in sorted(wanted.nodes, key=by_number))
        return [
            one
            for peer, session in sessions
            if session and case.concerns(str(peer))
            for one in (
                *_as_numbers(case.host, peer, session, wanted),
                *_timers(case.host, peer, session.terms, wanted),
            )
        ]


def _as_numbers(host: str, peer: Address, session: Session, wanted: Intended) -> Iterator[Finding]:
    remote, local = session.terms.remote_as, session.terms.local_as
    number = wanted.nodes[peer]
    if remote is not None and remote != number:
        what = "the node is in" if session.established else "the router expects"
        yield _wrong(host, AS_NUMBER, peer, number, remote, f"{what} AS {remote}, the inventory says {number}")
    if local is not None and local != wanted.router_as and session.established:
        said = f"the router is in AS {local} for it, the inventory says {wanted.router_as}"
        yield _wrong(host, AS_NUMBER, peer, wanted.router_as, local, said)


def _timers(host: str, peer: Address, terms: Terms, wanted: Intended) -> Iterator[Finding]:
    if wanted.hold_seconds is None:
        return
    asked = f"{wanted.keepalive_seconds}/{wanted.hold_seconds} s"
    configured = (terms.configured_keepalive, terms.configured_hold)
    in_force = (terms.keepalive_seconds, terms.hold_seconds)
    if None not in configured and configured != (wanted.keepalive_seconds, wanted.hold_seconds):
        found = f"{configured[0]}/{configured[1]} s"
        said = f"the router has keepalive and hold time {found}, the inventory says {asked}"
        yield _wrong(host, TIMERS, peer, asked, found, said)
    elif terms.hold_seconds is not None and terms.hold_seconds != wanted.hold_seconds:
        found = f"{in_force[0]}/{in_force[1]} s"
        said = f"keepalive and hold time {found} are in force, the inventory says {asked}"
        if terms.configured_hold is None and terms.hold_seconds > wanted.hold_seconds:
            yield _wrong(host, TIMERS, peer, asked, found, f"{said}: the router offers more")
        else:
            why = "the session is older than the router's configuration, or the node offers less"
            yield Finding(host, REMARK, str(peer), "bgp", ok=True, reason=f"{said}: {why}")


def _wrong(host: str, check: str, peer: Address, expected: object, observed: object, reason: str) -> Finding:
    return Finding(
        host, check, str(peer), "bgp", ok=False, expected=(str(expected),), observed=(str(observed),), reason=reason
    )
