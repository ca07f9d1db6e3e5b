"""Verify one router: what the live cluster should announce, what the router has, and the difference with its reason."""

import time
from collections.abc import Iterable, Mapping
from ipaddress import collapse_addresses
from math import floor

from nornir.core.task import Result, Task

from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.intent import Router
from kubepeer.run import Run, done, host_error
from tasks.cluster.access import open_api
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.routes.bird import Bird
from tasks.routes.checks import Case, judge
from tasks.routes.cluster import read_objects
from tasks.routes.expected import Announced, announced
from tasks.routes.frr import Frr
from tasks.routes.seen import RouterReader
from tasks.routes.selection import elsewhere, judged, outermost, peers, probes_for

READERS: Mapping[str, RouterReader] = {"bird": Bird(), "frr": Frr()}
INTERVAL_SECONDS = (
    2.0  # between two questions: a quarter of the shortest hold time in use (9 s), and no load on a router
)

SETTLE_SECONDS = 60.0  # sessions connect every 5 s and BGP's first exchange is over in a second; the rest is margin


def routers_to_ask(run: Run) -> Iterable[str]:
    """The routers that were chosen; all of them when only nodes were: their next hops are judged on every router."""
    routers = [router.name for router in run.intent.routers]
    return [name for name in routers if name in run.chosen] or routers


def verify(task: Task, run: Run, wait_seconds: float | None = None) -> Result:
    """Sessions and next hops of one router, in BGP, in its table and in the kernel; asked again until all is well or time is up.

    Args:
        task: the router.
        run: the running run.
        wait_seconds: how long to ask again; None is what the command line says.

    """
    _refuse_unreadable(run.intent.router(task.host.name))
    ends = time.monotonic() + (run.options.wait_seconds if wait_seconds is None else wait_seconds)
    while True:
        last = time.monotonic() >= ends
        try:
            findings = _findings(task, run)
        except KubepeerError as error:
            if last:
                raise host_error(task, error) from error
        else:
            ok = all(finding.ok for finding in findings)
            if ok or last:
                return done(task, findings=findings, failed=not ok, summary=_summary(findings))
        time.sleep(max(0.0, min(INTERVAL_SECONDS, ends - time.monotonic())))  # a route that arrives tells nobody


def verify_when_settled(task: Task, run: Run) -> Result:
    """As verify, at the end of a deployment: what was built a moment ago may still be on its way to the routers."""
    if run.options.dry_run or not run.recall("api"):
        return done(task)
    return verify(task, run, SETTLE_SECONDS)


def _refuse_unreadable(router: Router) -> None:
    if router.platform not in READERS:
        others = " ".join(f"--group {platform}" for platform in READERS)
        raise RefusedError(
            f"the routes of a router of platform {router.platform} cannot be read yet: of {' and '.join(READERS)} alone",
            host=router.name,
            cure=f"leave it out: {others}; look at its own tables for the rest",
        )


def _findings(task: Task, run: Run) -> tuple[Finding, ...]:
    name, intent = task.host.name, run.intent
    shell = open_shell(run.nornir, name)
    expected = _announced(run)
    networks = outermost((*intent.cluster.networks.announced, *(route.prefix for route in expected.routes)))
    router = intent.router(name)
    reader = READERS[router.platform]
    probes = probes_for(route.prefix for route in expected.routes)
    seen = reader.read(ask(shell, reader.questions(list(collapse_addresses(networks)), probes)).answers, probes)
    run.keep(("routes seen", name), seen)
    only = judged(intent, expected, run.chosen) if run.filtered else None
    others = elsewhere(intent, expected, router)
    return judge(Case(name, expected, seen, networks, peers(intent, expected), only, others))


def _announced(run: Run) -> Announced:
    """What the cluster should announce now; read once for all routers that ask at the same time."""
    api = open_api(run)
    networks = run.intent.cluster.networks
    moment = floor(time.monotonic() / INTERVAL_SECONDS)
    return run.once(
        ("announced", moment), lambda: announced(read_objects(api), (networks.services, networks.load_balancers))
    )


def _summary(findings: Iterable[Finding]) -> str:
    findings = list(findings)
    up = [finding.ok for finding in findings if finding.check == "session"]
    prefixes = {finding.subject for finding in findings if finding.check != "session"}
    wrong = {finding.subject for finding in findings if finding.check != "session" and not finding.ok}
    routes = f"{len(wrong)} of {len(prefixes)} prefixes wrong" if wrong else f"{len(prefixes)} prefixes right"
    return f"{sum(up)} of {len(up)} sessions, {routes}"
