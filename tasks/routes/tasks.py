"""Verify one router: what the live cluster should announce, what the router has, and the difference with its reason."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.checks import Finding
from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Router
from kubepeer.intent.families import Address
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, host_error, waiting
from tasks.cluster.access import API, ASKED_API
from tasks.linux.connect import forget
from tasks.platforms.reader import DriverReader, RouterReader
from tasks.platforms.seen import RouterSeen
from tasks.routes import from_inventory
from tasks.routes.announcing import INTERVAL_SECONDS, what_is_announced
from tasks.routes.checks import LAYERS, REMARK, Case, judge
from tasks.routes.expected import Announced
from tasks.routes.intended import intended, reader_for
from tasks.routes.leaks import with_leaks
from tasks.routes.left import SEEN, UNSEEN
from tasks.routes.reading import ask_router, behind_a_hop, log_in, readable, reader_of, reads
from tasks.routes.recovery import RECOVERY_SECONDS, seconds_to_wait, with_recovery
from tasks.routes.selection import collapsed, elsewhere, judged, outermost, peers, probes_for, ways_to

ANSWER_SECONDS = 60.0  # for a router's answers to all questions
SETTLE_SECONDS = 60.0  # sessions connect every 5 s and BGP's first exchange is over in a second; the rest is margin
EXCHANGE_SECONDS = 10.0  # what a node that has waited for another router says then is here, and in the kernel


def routers_to_ask(run: Run) -> Iterable[str]:
    """The routers that were chosen; all of them when only nodes were: their next hops are judged on every router."""
    routers = [router.name for router in run.intent.routers]
    return [name for name in routers if name in run.chosen] or routers


@hands_over(gives=(SEEN, UNSEEN, *ASKED_API))
def verify(task: Task, run: Run, wait_seconds: float | None = None, *, recovery: bool = False) -> Result:
    """Sessions and next hops of one router, in BGP, in its table and in the kernel; asked again until all is well or time is up.

    Args:
        task: the router.
        run: the running run.
        wait_seconds: how long to ask again; None is what the command line says.
        recovery: ask also for as long as a node is silent because it waits for another router, or the router holds off one that was
            silent, but no longer than one recovery takes: a session that comes and goes begins anew each time.

    """
    name = task.host.name
    reader = reader_of(run.intent.router(name))
    ends = time.monotonic() + (run.options.wait_seconds if wait_seconds is None else wait_seconds)
    latest = ends + RECOVERY_SECONDS + EXCHANGE_SECONDS
    waited: dict[str, str] = {}
    while True:
        began = time.monotonic()
        last = began >= ends
        try:
            # at the same time the control plane is logged in to over which the way to the API leads
            log_in(run, name, reader)
            expected = what_is_announced(run, run.intent.router(name), began)
            findings = findings_of(run, name, reader, expected)
        except KubepeerError as error:
            run.keep(UNSEEN, error.message, of=name)
            if last:
                from tasks.routes.causes.of_errors import finding_of  # noqa: PLC0415  a healthy run needs none of it

                error.findings = (finding_of(name, error),)
                raise host_error(task, error) from error
            waiting(error.message)
        else:
            run.keep(UNSEEN, "", of=name)
            ok = all(finding.ok for finding in findings)
            seen = run.recall(SEEN, of=name)
            if recovery and seen and not ok and time.monotonic() < latest and (more := seconds_to_wait(seen)):
                waiting("; ".join(session.waits for session in seen.sessions.values() if session.waits))
                waited = {str(peer): session.waits for peer, session in seen.sessions.items() if session.waits} | waited
                ends = min(latest, max(ends, time.monotonic() + more + EXCHANGE_SECONDS))
                last = False
            elif not (ok or last):
                waiting(summary_of(findings))
            if ok or last:
                findings = _explained(task, run, findings, reader, expected)
                remarks = tuple(Finding(name, REMARK, peer, "bgp", ok=True, reason=why) for peer, why in waited.items())
                return done(task, findings=(*findings, *remarks), failed=not ok, summary=summary_of(findings))
        time.sleep(max(0.0, min(INTERVAL_SECONDS, ends - time.monotonic())))  # a route that arrives tells nobody


@hands_over(needs=(API,), gives=(SEEN, UNSEEN, *ASKED_API))
def verify_when_settled(task: Task, run: Run) -> Result:
    """As verify, at the end of a deployment: what was built a moment ago may still be on its way to the routers.

    Of routers that cannot be read yet one line says so: what the deployment was asked for is done.
    """
    if run.options.dry_run or not (run.recall(API) or run.intent.cluster.adopted):
        return done(task)
    unread = [
        router for router in map(run.intent.router, routers_to_ask(run)) if behind_a_hop(router) or not reads(router)
    ]
    if task.host.name in [router.name for router in unread]:
        run.warn(_unverified(unread, run.chosen))
        return done(task, summary="not verified")
    return verify(task, run, SETTLE_SECONDS, recovery=True)


def _unverified(routers: Sequence[Router], chosen: Collection[str]) -> str:
    named = ", ".join(f"{router.name} ({router.platform})" for router in routers)
    configured = "configured, " if any(router.name in chosen for router in routers) else ""
    return (
        f"{configured}not verified: {named}: their routes cannot be read yet, of {' and '.join(readable())} alone: "
        "look at their own tables"
    )


def look(task: Task, run: Run) -> RouterSeen:
    """Ask a router once, and judge nothing: its sessions, and what it has of the cluster's networks.

    Raises:
        KubepeerError: it cannot be read.

    """
    router = run.intent.router(task.host.name)
    findings_of(run, router.name, reader_of(router), what_is_announced(run, router))
    run.keep(UNSEEN, "", of=task.host.name)
    return run.recall(SEEN, of=task.host.name) or RouterSeen()


def findings_of(
    run: Run, name: str, reader: RouterReader, expected: Announced, deadline: float = ANSWER_SECONDS
) -> tuple[Finding, ...]:
    """Ask a router once, and judge what it says.

    Args:
        run: the running run; what was seen is kept there.
        name: of the router.
        reader: its platform's.
        expected: what the cluster should announce to it.
        deadline: seconds for all of its answers.

    Raises:
        KubepeerError: it cannot be read.

    """
    intent = run.intent
    networks = outermost((*intent.cluster.networks.announced, *(route.prefix for route in expected.routes)))
    router = intent.router(name)
    addresses = peers(intent, expected)
    probes = probes_for(route.prefix for route in expected.routes) | ways_to(addresses)
    wanted = intended(intent, router, expected)
    reader = reader_for(reader, wanted)
    asked = partial(ask_router, run, name, reader, deadline=deadline)
    try:
        seen = reader.read(asked(reader.questions(collapsed(networks), probes)), probes)
        seen = with_leaks(seen, reader, addresses, networks, asked)
    except CommandError:
        if isinstance(reader, DriverReader):
            forget(run.nornir, name, "napalm")  # a driver does not say whether its connection is lost
        raise
    if not intent.load_balancer.speaks:  # it is Calico's own daemon that waits
        seen = with_recovery(seen, intent, expected, router, partial(_has_session, run))
    run.keep(SEEN, seen, of=name)
    only = judged(intent, expected, run.chosen) if run.filtered else None
    others = elsewhere(intent, expected, router)
    case = Case(name, expected, seen, networks, addresses, only, others, router.addresses, wanted)
    if from_inventory.by_inventory(run):
        return (*judge(replace(case, networks=())), *from_inventory.findings(case, intent))
    if not (expected.excluded or expected.unexported):
        return judge(case)
    from tasks.routes.causes.of_intent import told  # noqa: PLC0415  few clusters need it

    meant = [pool.cidr for pool in intent.cluster.networks.pools if pool.announced]
    return (*judge(case), *told(name, expected, meant))


def _explained(
    task: Task, run: Run, findings: tuple[Finding, ...], reader: RouterReader, expected: Announced
) -> tuple[Finding, ...]:
    """The findings with the causes of those that have failed: both ends are looked at, where there are any."""
    seen = run.recall(SEEN, of=task.host.name)
    if seen is None or all(finding.ok for finding in findings):
        return findings
    from tasks.routes.causes.asking import with_causes  # noqa: PLC0415  a healthy run needs none of it

    return with_causes(task, run, findings, seen, expected, reader)


def _has_session(run: Run, router: str, peer: Address) -> bool | None:
    """What this run knows of another router's session; one that could not be reached has none as far as can be told."""
    unseen = run.recall(UNSEEN, of=router)
    if unseen or router in run.nornir.data.failed_hosts:
        return False
    seen = run.recall(SEEN, of=router)
    if seen is None:
        return None
    session = seen.sessions.get(peer)
    return session is not None and session.established


def summary_of(findings: Iterable[Finding]) -> str:
    """A few words for a router's findings."""
    findings = list(findings)
    up = [finding.ok for finding in findings if finding.check == "session"]
    routes = [finding for finding in findings if finding.check in LAYERS.values()]
    prefixes = {finding.subject for finding in routes}
    wrong = {finding.subject for finding in routes if not finding.ok}
    said = f"{len(wrong)} of {len(prefixes)} prefixes wrong" if wrong else f"{len(prefixes)} prefixes right"
    known = ("session", *LAYERS.values())
    others = dict.fromkeys(finding.check for finding in findings if not finding.ok and finding.check not in known)
    return f"{sum(up)} of {len(up)} sessions, {said}{''.join(f', {check} wrong' for check in others)}"
