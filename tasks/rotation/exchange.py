"""The passwords of BGP: a key for the new one, both ends of one router after the other, and the Secret as deploy.py writes it."""

import time
from collections.abc import Iterable
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.checks import Finding
from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.intent import Router
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import bgp_objects, waits
from tasks.cluster.access import ASKED_API, open_api
from tasks.cluster.api import KubernetesApi
from tasks.cluster.apply import apply, delete
from tasks.cluster.differences import plan_objects
from tasks.platforms.seen import RouterSeen
from tasks.rotation import carrying
from tasks.rotation.ends import NAMESPACE
from tasks.rotation.look import ROUTER_CHANGES, SECRET_PATH, peers, read_end, secret_and_rights
from tasks.routers.safe_change import OtherEnd, change_safely
from tasks.routers.tasks import order_of
from tasks.routes import tasks as routes
from tasks.routes.announcing import what_is_announced
from tasks.routes.left import SEEN, UNSEEN
from tasks.routes.reading import reader_of

ROTATION_FAILED = Memory[str]("the router whose password could not be changed")
DOWN_SECONDS = Memory[float]("how long each router's sessions were down")
SESSIONS_SECONDS = (
    45.0  # of the 60 after which the router takes its change back, which bound it, too: both connect every 5 s
)
KNOWN_SECONDS = 5.0  # a Secret's watch tells at once; a node that is busy writes bird.cfg within a second or two
RIGHT_SECONDS = 60.0
RIGHTS = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"


@hands_over(gives=ASKED_API)
def bring(task: Task, run: Run) -> Result:
    """The new password stands in the cluster, in a key that no session uses."""
    api, wanted = open_api(run), run.bgp_password()
    values = read_end(run, api).secret_for(wanted)
    if values is None:
        return done(task)
    changes = apply(run, api, secret_and_rights(run, values))
    if not run.options.dry_run:
        time.sleep(KNOWN_SECONDS)  # nodes tell nobody what they have read
    return done(task, changes)


@hands_over(needs=(ROUTER_CHANGES,), gives=(ROTATION_FAILED, DOWN_SECONDS, SEEN, UNSEEN, *ASKED_API))
def exchange(task: Task, run: Run) -> Result:
    """Both ends of a router's sessions, while another router carries what it carries; then all is right again on all routers.

    Raises:
        RefusedError: nobody else has its prefixes.
        CommandError: the sessions did not come back: both ends are as they were. Or the router could not be told to keep the change: both
            ends have what the router runs with now.

    """
    router, api, wanted = run.intent.router(task.host.name), open_api(run), run.bgp_password()
    end, of_router = read_end(run, api), run.recall(ROUTER_CHANGES, of=router.name) or ()
    of_nodes = end.has(router) != {wanted}
    if not (of_router or of_nodes):
        return done(task, summary="has it")
    key = end.key_for(wanted)
    wanted_peers = peers(run, end, router.name, key)
    if run.options.dry_run:
        planned = [change for _, change in plan_objects(api, wanted_peers)] if of_nodes else []
        return done(task, (*of_router, *planned))
    if (failed := run.recall(ROTATION_FAILED)) is not None:
        raise CommandError(
            f"not touched: the password was not changed on {failed}", host=router.name, cure=f"mend {failed} first"
        )
    try:
        _refuse_uncarried(task, run, router)
        changes: list[Change] = []
        if of_router and of_nodes:
            before = end.key_of(router)
            other_end = OtherEnd(
                change=lambda: changes.extend(apply(run, api, wanted_peers)),
                undo=lambda: apply(run, api, peers(run, end, router.name, before)),
                seconds=SESSIONS_SECONDS,
                came_back=lambda seconds: run.keep(DOWN_SECONDS, seconds, of=router.name),
            )
            changes[:0] = change_safely(task, run, order_of(task, run, router, wanted, other_end))
        elif of_router:  # the nodes have it: a run was cut off, and the router took its change back
            changes += change_safely(task, run, order_of(task, run, router, wanted))
        else:
            changes += apply(run, api, wanted_peers)
        findings = _right(task, run)
    except Exception:  # of every kind: drivers and the libraries below them have their own
        run.keep(ROTATION_FAILED, router.name)
        raise
    seconds = run.recall(DOWN_SECONDS, of=router.name)
    said = "" if seconds is None else f"its sessions were up again after {seconds:.1f} s"
    return done(task, changes, findings=findings, summary=said)


def _refuse_uncarried(task: Task, run: Run, router: Router) -> None:
    """Refuse where a prefix of a router that works would be nowhere while its sessions are down.

    Raises:
        RefusedError: with the prefixes.

    """
    own = routes.look(task, run)
    if run.options.further.get("alone") or not carrying.carries(own):
        return
    others = {one.name: _look(run, one) for one in run.intent.routers if one != router}
    announced = [route.prefix for route in what_is_announced(run, router).routes]
    if lost := carrying.carried_by_nobody(others, announced):
        raise RefusedError(
            f"while its sessions are down nobody has {', '.join(map(str, lost))}",
            host=router.name,
            cure="python runbooks/verify_routes.py says what is wrong with the others; where there is none, --alone",
        )


def _look(run: Run, router: Router) -> RouterSeen:
    """Another router as it is now; one that cannot be asked has nothing."""
    try:
        routes.findings_of(run, router.name, reader_of(router), what_is_announced(run, router))
    except KubepeerError:
        return RouterSeen()
    return run.recall(SEEN, of=router.name) or RouterSeen()


def _right(task: Task, run: Run) -> tuple[Finding, ...]:
    """All sessions and routes of this router are right again, and those of the others have stayed so.

    Raises:
        CommandError: they are not.

    """
    result = routes.verify(task, run, RIGHT_SECONDS, recovery=True)
    if result.failed:
        raise CommandError(
            f"both ends have the new password, and it is not right: {result.result}",
            host=task.host.name,
            cure="python runbooks/verify_routes.py says why; then run again. No further router was touched",
        )
    for router in run.intent.routers:
        if router.name != task.host.name:
            waits.until(partial(_wrong, run, router), RIGHT_SECONDS)
    findings: tuple[Finding, ...] = vars(result)["findings"]
    return findings


def _wrong(run: Run, router: Router) -> str:
    """What is not right on another router; "" where all is."""
    try:
        found = routes.findings_of(run, router.name, reader_of(router), what_is_announced(run, router))
    except KubepeerError as error:
        return f"{router.name}: {error.message}"
    if all(one.ok for one in found):
        return ""
    waiting(said := f"{router.name}: {routes.summary_of(found)}")
    return said


@hands_over(needs=(UNSEEN,), gives=(SEEN, *ASKED_API))
def keep(task: Task, run: Run) -> Result:
    """The Secret as deploy.py writes it: the new password in the usual key, to which all peers refer; no session ends by it."""
    api, wanted = open_api(run), run.bgp_password()
    end = read_end(run, api)
    if run.options.dry_run or end.is_settled(wanted):
        return done(task)
    if lost := [router.name for router in run.intent.routers if end.stands(router) and end.has(router) != {wanted}]:
        raise CommandError(f"the nodes have another password for {', '.join(lost)}", host=task.host.name)
    if wanted is None:
        return done(task, [*_plain(run, api), *_without(run, api)])
    changes = apply(run, api, secret_and_rights(run, dict(end.values) | {bgp_objects.PASSWORD_KEY: wanted}))
    time.sleep(KNOWN_SECONDS)  # as above
    for router in run.intent.routers:
        if moved := apply(run, api, peers(run, end, router.name, bgp_objects.PASSWORD_KEY)):
            changes += moved
            time.sleep(KNOWN_SECONDS)
            waits.until(partial(_wrong, run, router), RIGHT_SECONDS)
    return done(task, [*changes, *_plain(run, api)])


def _plain(run: Run, api: KubernetesApi) -> list[Change]:
    """What of a password is left of BGP's objects, as deploy.py has it: the Secret with one key, the peers of reflectors."""
    wanted = bgp_objects.bgp(run.intent, run.bgp_password())
    names = (bgp_objects.SECRET, bgp_objects.REFLECTORS)
    return apply(run, api, [one for one in wanted if one["metadata"]["name"] in names])


def _without(run: Run, api: KubernetesApi) -> Iterable[Change]:
    """The Secret and the right to read it go, where nobody has a password any more."""
    paths = {
        "Secret": SECRET_PATH,
        "RoleBinding": f"{RIGHTS}/rolebindings/{bgp_objects.SECRET}",
        "Role": f"{RIGHTS}/roles/{bgp_objects.SECRET}",
    }
    for kind, path in paths.items():
        if api.get(path) is not None:
            change = Change(f"{kind} {NAMESPACE}/{bgp_objects.SECRET}", "stands", None, secret=kind == "Secret")
            yield delete(run, api, path, change)
