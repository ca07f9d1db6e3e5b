"""Verify one router: what the live cluster should announce, what the router has, and the difference with its reason."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import floor

from nornir.core.task import Result, Task

from kubepeer.checks import Finding
from kubepeer.errors import CommandError, KubepeerError, RefusedError, UnreachableError
from kubepeer.intent import Router
from kubepeer.intent.families import Address
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, host_error, waiting
from tasks.cluster.access import API, ASKED_API, open_api
from tasks.cluster.api import KubernetesApi
from tasks.linux.connect import connection, forget
from tasks.linux.observe import Answer, ask
from tasks.linux.shell import DeadlineError, open_shell
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.reader import DriverReader, ReadsVrfs, RouterReader
from tasks.platforms.seen import RouterSeen
from tasks.platforms.transport import refuse_unclear_transport
from tasks.routes import from_inventory, metallb, metallb_cluster
from tasks.routes.checks import LAYERS, REMARK, Case, judge
from tasks.routes.cluster import read_objects
from tasks.routes.driver import ask_driver
from tasks.routes.expected import OLDEST_CALICO, Announced, announced
from tasks.routes.intended import intended, reader_for
from tasks.routes.leaks import with_leaks
from tasks.routes.left import ANNOUNCED, METALLB, SEEN, UNSEEN
from tasks.routes.recovery import RECOVERY_SECONDS, seconds_to_wait, with_recovery
from tasks.routes.selection import collapsed, elsewhere, judged, outermost, peers, probes_for, ways_to

INTERVAL_SECONDS = (
    2.0  # between two questions: a quarter of the shortest hold time in use (9 s), and no load on a router
)

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
        last = time.monotonic() >= ends
        try:
            findings = _findings(task, run, reader)
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
                findings = _explained(task, run, findings, reader)
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
        router for router in map(run.intent.router, routers_to_ask(run)) if _behind_a_hop(router) or not _reads(router)
    ]
    if task.host.name in [router.name for router in unread]:
        run.warn(_unverified(unread, run.chosen))
        return done(task, summary="not verified")
    return verify(task, run, SETTLE_SECONDS, recovery=True)


def _unverified(routers: Sequence[Router], chosen: Collection[str]) -> str:
    named = ", ".join(f"{router.name} ({router.platform})" for router in routers)
    configured = "configured, " if any(router.name in chosen for router in routers) else ""
    return (
        f"{configured}not verified: {named}: their routes cannot be read yet, of {' and '.join(_readable())} alone: "
        "look at their own tables"
    )


def _reads(router: Router) -> bool:
    return PLATFORMS[router.platform].reader is not None


def _behind_a_hop(router: Router) -> bool:
    """Whether it could not be told by which gateways its nodes are reached: a driver's answers do not resolve next hops."""
    return bool(router.peering.multihop) and isinstance(PLATFORMS[router.platform].reader, DriverReader)


def _readable() -> list[str]:
    return sorted(name for name, platform in PLATFORMS.items() if platform.reader)


def reader_of(router: Router) -> RouterReader:
    """Who reads a router, of the VRF that its sessions are in.

    Raises:
        RefusedError: nobody can, yet.

    """
    reader, vrf = PLATFORMS[router.platform].reader, router.peering.vrf
    if reader is None:
        others = " ".join(f"--group {name}" for name in _readable())
        raise RefusedError(
            f"the routes of a router of platform {router.platform} cannot be read yet: of {' and '.join(_readable())} alone",
            host=router.name,
            cure=f"leave it out: {others}; look at its own tables for the rest",
        )
    if _behind_a_hop(router):
        raise RefusedError(
            f"nodes behind a hop (data.peering.multihop) cannot be verified yet on platform {router.platform}",
            host=router.name,
            cure="leave it out; look at its own tables",
        )
    if vrf is None:
        return reader
    if not isinstance(reader, ReadsVrfs):
        raise RefusedError(
            f"the routes of a VRF cannot be read yet on platform {router.platform} (data.peering.vrf: {vrf})",
            host=router.name,
            cure="leave it out; look at its own tables",
        )
    return reader.in_vrf(vrf, router.configuration_files)


def look(task: Task, run: Run) -> RouterSeen:
    """Ask a router once, and judge nothing: its sessions, and what it has of the cluster's networks.

    Raises:
        KubepeerError: it cannot be read.

    """
    _findings(task, run, reader_of(run.intent.router(task.host.name)))
    run.keep(UNSEEN, "", of=task.host.name)
    return run.recall(SEEN, of=task.host.name) or RouterSeen()


def _findings(task: Task, run: Run, reader: RouterReader) -> tuple[Finding, ...]:
    return findings_of(run, task.host.name, reader, what_is_announced(run, run.intent.router(task.host.name)))


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
    asked = partial(_ask, run, name, reader, deadline=deadline)
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


def _explained(task: Task, run: Run, findings: tuple[Finding, ...], reader: RouterReader) -> tuple[Finding, ...]:
    """The findings with the causes of those that have failed: both ends are looked at, where there are any."""
    seen = run.recall(SEEN, of=task.host.name)
    if seen is None or all(finding.ok for finding in findings):
        return findings
    from tasks.routes.causes.asking import with_causes  # noqa: PLC0415  a healthy run needs none of it

    try:
        expected = what_is_announced(run, run.intent.router(task.host.name))
    except KubepeerError:
        expected = (
            Announced()
        )  # the API went away since the checks were made: they still have their evidence at both ends
    return with_causes(task, run, findings, seen, expected, reader)


def _ask(
    run: Run, name: str, reader: RouterReader, questions: Mapping[str, str], deadline: float
) -> Mapping[str, Answer]:
    if isinstance(reader, DriverReader):
        host, platform = run.nornir.inventory.hosts[name], PLATFORMS[run.intent.router(name).platform]
        options = host.get_connection_parameters("napalm").extras or {}
        refuse_unclear_transport(name, platform.abilities.transports, options.get("optional_args", {}), host.password)
        return ask_driver(connection(run.nornir, name, "napalm"), questions, reader.encoding)
    try:
        return ask(open_shell(run.nornir, name), questions, deadline=deadline).answers
    except (UnreachableError, DeadlineError):
        forget(run.nornir, name, "netmiko")  # it is asked again by another connection, where it is asked again
        raise


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


def what_is_announced(run: Run, router: Router | None = None) -> Announced:
    """What the cluster should announce now; read once for all routers that ask at the same time.

    Args:
        run: the running run.
        router: to whom; None: what Calico itself has, pod blocks above all, whoever may be told of them.

    """
    if from_inventory.by_inventory(run):
        return _by_inventory(run)
    api = _open_api(run)
    moment = floor(time.monotonic() / INTERVAL_SECONDS)
    if router is not None and run.intent.load_balancer.speaks:
        objects = run.once(METALLB, lambda: metallb_cluster.read_objects(api), of=moment)
        return metallb.announced(objects, router.address, run.intent.cluster.networks.load_balancers)
    return run.once(ANNOUNCED, lambda: _by_calico(run, api), of=moment)


def announced_now(run: Run, names: Iterable[str]) -> dict[str, Announced]:
    """The same for several routers, read anew at each call, and kept nowhere."""
    if from_inventory.by_inventory(run):
        return dict.fromkeys(names, _by_inventory(run))
    api = _open_api(run)
    if not run.intent.load_balancer.speaks:
        return dict.fromkeys(names, _by_calico(run, api))
    objects, network = metallb_cluster.read_objects(api), run.intent.cluster.networks.load_balancers
    return {name: metallb.announced(objects, run.intent.router(name).address, network) for name in names}


def _by_inventory(run: Run) -> Announced:
    for line in from_inventory.not_compared(run.intent):
        run.warn(f"--intent inventory: {line}")
    return from_inventory.announced(run.intent)


def _by_calico(run: Run, api: KubernetesApi) -> Announced:
    cluster = run.intent.cluster
    services = cluster.bgp.announced_services(cluster.networks)
    calico = OLDEST_CALICO if cluster.adopted else run.intent.software.calico
    return announced(read_objects(api), services, calico, cluster.networks.versions)


def _open_api(run: Run) -> KubernetesApi:
    """The API; where the command line could do without it, and it does not answer, the cure says so."""
    try:
        return open_api(run)
    except UnreachableError as error:
        if "intent" in run.options.further:
            error.cure = f"{error.cure}; --intent inventory compares with what the inventory alone decides"
        raise


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
