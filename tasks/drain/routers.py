"""What the node's routers show: that it may go, that it is gone, that it is back; in BGP, in their tables and in their kernels."""

import time
from collections.abc import Callable, Sequence

from nornir.core.task import Result, Task

from kubepeer.checks import Finding
from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, host_error, waiting
from tasks.cluster.access import ASKED_API
from tasks.drain import hops
from tasks.drain.look import LEAVING, NOTHING
from tasks.drain.safety import Leaving
from tasks.drain.selection import node_of
from tasks.platforms.seen import RouterSeen
from tasks.routes.left import SEEN, UNSEEN
from tasks.routes.recovery import RECOVERY_SECONDS, seconds_to_wait
from tasks.routes.tasks import EXCHANGE_SECONDS, look

GIVES = (SEEN, UNSEEN, *ASKED_API)
WITHDRAWN_SECONDS = (
    60  # Calico's node writes its configuration anew and BGP says it at once: a second or two; the rest is margin
)
SESSIONS_SECONDS = 180  # a router that lost a session without a word may refuse it for a minute, or for two
INTERVAL_SECONDS = 1.0

Judge = Callable[[str, RouterSeen, Sequence[Leaving]], tuple[Finding, ...]]


@hands_over(needs=(LEAVING,), gives=GIVES)
def may_go(task: Task, run: Run) -> Result:
    """Refuse where the router would have no next hop left of a prefix: others may announce it and not be heard here.

    Raises:
        RefusedError: with each of them; nothing was changed.

    """
    routes = run.recall(LEAVING) or ()
    findings = hops.may_go(task.host.name, look(task, run), routes)
    if not all(finding.ok for finding in findings):
        raise RefusedError(
            f"{node_of(run).name} cannot be drained: {hops.told(findings)}. {NOTHING}",
            host=task.host.name,
            cure="python runbooks/verify_routes.py says what is wrong with the others",
        )
    return done(task, summary=hops.counted(findings))


@hands_over(needs=(LEAVING,), gives=GIVES)
def gone(task: Task, run: Run) -> Result:
    """Wait until the router sends nothing to the node but what is for its own pods."""
    if run.options.dry_run:
        return done(task)
    cure = f"run again, or python runbooks/undrain.py {node_of(run).name} takes it back; no pod was evicted by this run"
    return _wait(task, run, hops.gone, "the router still sends to the node", WITHDRAWN_SECONDS, cure)


@hands_over(needs=(LEAVING,), gives=GIVES)
def back(task: Task, run: Run) -> Result:
    """Wait until the router sends to the node again."""
    if run.options.dry_run:
        return done(task)
    cure = "python runbooks/verify_routes.py says why"
    return _wait(task, run, hops.back, "the router does not send to the node", WITHDRAWN_SECONDS, cure)


@hands_over(needs=(LEAVING,), gives=GIVES)
def sessions(task: Task, run: Run) -> Result:
    """Wait until the router's session with the node is up."""
    if run.options.dry_run:
        return done(task)
    return _wait(task, run, _session(run), "no session", SESSIONS_SECONDS, "python runbooks/verify_routes.py says why")


def _session(run: Run) -> Judge:
    """Whether the sessions with the node are up; a node that is not known by the routes it leaves is known by the inventory."""
    addresses = {str(address) for address in node_of(run).addresses}

    def judge(host: str, seen: RouterSeen, routes: Sequence[Leaving]) -> tuple[Finding, ...]:
        peers = {hop for route in routes for hop in route.own} or addresses
        return tuple(_of_session(host, seen, peer) for peer in sorted(peers))

    return judge


def _of_session(host: str, seen: RouterSeen, peer: str) -> Finding:
    session = next((one for address, one in seen.sessions.items() if str(address) == peer), None)
    state = session.state if session else "not configured"
    reason = "" if session and session.established else (session.last_error if session else "")
    up = bool(session and session.established)
    return Finding(host, "session", peer, "bgp", up, ("Established",), (state,), reason=reason)


def _wait(task: Task, run: Run, judge: Judge, what: str, seconds: float, cure: str) -> Result:
    """Ask the router again until it is so.

    Raises:
        CommandError: the deadline has passed; says what was waited for and what was seen last.

    """
    routes = run.recall(LEAVING) or ()
    name, began = task.host.name, time.monotonic()
    ends, latest = began + seconds, began + seconds + RECOVERY_SECONDS
    while True:
        last = time.monotonic() >= ends
        try:
            seen = look(task, run)
        except KubepeerError as error:  # it may be reading its configuration, and the API may be moving
            if last:
                raise host_error(task, error) from error
            waiting(error.message)
        else:
            findings = judge(name, seen, routes)
            if all(finding.ok for finding in findings):
                return done(task, findings=findings, summary=_summary(findings))
            if more := seconds_to_wait(seen):  # the node is silent while it waits for another router
                ends = min(latest, max(ends, time.monotonic() + more + EXCHANGE_SECONDS))
                last = False
            said = _said(findings)
            if last or time.monotonic() >= latest:
                raise CommandError(f"after {time.monotonic() - began:.0f} s {what}: {said}", host=name, cure=cure)
            waiting(said)
        time.sleep(INTERVAL_SECONDS)  # a route that goes tells nobody


def _summary(findings: Sequence[Finding]) -> str:
    if all(finding.check == "session" for finding in findings):
        return "Established" if findings else ""
    return hops.counted(findings)


def _said(findings: Sequence[Finding]) -> str:
    down = [finding for finding in findings if finding.check == "session" and not finding.ok]
    if down:
        return "; ".join(f"{one.subject} {one.observed[0]}{one.reason and f': {one.reason}'}" for one in down)
    return hops.told(findings)
