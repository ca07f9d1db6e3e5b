"""A router without anything of ours: the same safe change, towards nothing; and what was raised for the whole process, given back."""

from dataclasses import replace
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, RefusedError
from kubepeer.intent import Router
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster import waits
from tasks.linux.apply import apply
from tasks.linux.connect import connection
from tasks.linux.observe import Seen, ask
from tasks.linux.shell import open_shell
from tasks.platforms import preflight
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.withdrawal import HasAFileOfOurs, KnowsWhatWasRaised, withdrawal, without_nodes
from tasks.routers import plan
from tasks.routers.backups import Backup, backups
from tasks.routers.safe_change import Candidate, Order, change_safely
from tasks.routers.sessions import session_name, sessions
from tasks.routers.tasks import ANSWERS, WENT_WRONG, in_its_turn, order_for

FILE = "file of ours"
GONE_SECONDS = 60  # a session that has ended is forgotten at once; a daemon may be at work with its configuration


@hands_over(needs=(ANSWERS,))
def refuse_early(task: Task, run: Run) -> Result:
    """Refuse to touch a router where a change cannot end well; which networks it routes elsewhere is none of our concern any more.

    Raises:
        RefusedError: it cannot.

    """
    router = run.intent.router(task.host.name)
    seen = run.recall(ANSWERS, of=router.name) or Seen({}, {})
    if found := preflight.reasons(PLATFORMS[router.platform].preflight, run.intent, router, seen):
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=router.name)
    return done(task, summary="all clear")


@hands_over(gives=(WENT_WRONG,))
def withdraw(task: Task, run: Run) -> Result:
    """Neighbours, groups, lists and filters go, what we have raised is as it was, and the kernel's setting is its owner's again."""
    router = run.intent.router(task.host.name)
    platform = PLATFORMS[router.platform]
    routing = in_its_turn(task, run, _order(run, router))
    if not platform.on_linux:
        return done(task, routing)
    shell = open_shell(run.nornir, router.name)
    questions = plan.departure_questions(router)
    if isinstance(platform, HasAFileOfOurs):
        questions[FILE] = platform.file_question(router)
    seen = ask(shell, questions, (plan.SYSCTL_FILE,))
    file = platform.file_gone(router, seen, FILE) if isinstance(platform, HasAFileOfOurs) else None
    changes = (*([file] if file else []), *plan.plan_departure(router, seen))
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, (*routing, *changes))


def verify(task: Task, run: Run) -> Result:
    """Nothing of ours stands on the router, and no node is a neighbour; told is whether it runs with what it ran with before us.

    Raises:
        CommandError: something still stands.

    """
    if run.options.dry_run:
        return done(task)
    router = run.intent.router(task.host.name)
    looking = replace(run, options=replace(run.options, dry_run=True))
    if left := change_safely(task, looking, _order(run, router)):
        raise CommandError(f"still has what is ours: {left[0].diff}", host=router.name, cure="run again")
    waits.until(partial(_neighbours_left, run, router), GONE_SECONDS)
    before = before_us(run, router)
    if before is None:
        if isinstance(PLATFORMS[router.platform], KnowsWhatWasRaised):
            run.warn(
                f"{router.name}: no backup is older than Kubepeer's part: what deploy.py has raised for the whole process stays"
            )
        return done(task, summary="nothing of ours")
    device = connection(run.nornir, router.name, "napalm")
    same = device.get_config(retrieve="running")["running"] == before.text
    told = f"runs with what it ran with before ({before.name})"
    return done(task, summary=told if same else f"nothing of ours; its owner's part is another than in {before.name}")


def before_us(run: Run, router: Router) -> Backup | None:
    """What the router ran with before anything of ours was on it: the newest backup of this controller that has nothing of ours."""
    platform = PLATFORMS[router.platform]
    kept = reversed(backups(run.settings.state / "backups", router.name))
    return next((one for one in kept if not platform.owned(run.intent, router, one.text).strip()), None)


def _order(run: Run, router: Router) -> Order:
    platform, before = PLATFORMS[router.platform], before_us(run, router)
    text = before.text if before else None

    def candidate(running: str) -> Candidate:
        return Candidate(withdrawal(platform, run.intent, router, running, text), platform.whole)

    order = order_for(replace(run, intent=without_nodes(run.intent)), router, candidate)
    ours = frozenset(session_name(peer, router.peering.vrf) for peer in run.intent.addresses_of_peers(router))
    return replace(order, ours=ours)


def _neighbours_left(run: Run, router: Router) -> str:
    """Which node still has a session with the router; "" for none."""
    found = sessions(connection(run.nornir, router.name, "napalm").get_bgp_neighbors())
    ours = {session_name(peer, router.peering.vrf) for peer in run.intent.addresses_of_peers(router)}
    left = sorted(found.up & ours)
    return f"still has a session with {', '.join(left)}" if left else ""
