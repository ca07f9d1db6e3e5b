"""Configure a router, and put back what it had: observe, plan, and one safe change."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from jinja2 import TemplateSyntaxError
from nornir.core.exceptions import NornirSubTaskError
from nornir.core.task import Result, Task
from nornir_jinja2.plugins.tasks import template_file

from kubepeer.change import Change
from kubepeer.errors import CommandError, RefusedError, UnreachableError
from kubepeer.intent import Intent, Router
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.linux.apply import apply
from tasks.linux.connect import connection
from tasks.linux.observe import Seen, ask
from tasks.linux.shell import open_shell
from tasks.linux.templates import environment
from tasks.platforms import preflight
from tasks.platforms.platform import PLATFORMS, context
from tasks.platforms.reader import ReadsVrfs, RouterReader
from tasks.platforms.transport import refuse_unclear_transport
from tasks.routers import occupied, plan
from tasks.routers.backups import wanted_backups
from tasks.routers.safe_change import Candidate, Order, OtherEnd, change_safely
from tasks.routers.sessions import session_name

ANSWERS = Memory[Seen]("what each router answers to its preflight")
TABLE = "table: "  # before the names of a reader's questions, among those of preflight
WENT_WRONG = Memory[str]("the router of a redundancy group whose change went wrong")


@hands_over(gives=(ANSWERS,))
def observe(task: Task, run: Run) -> Result:
    """Connect, and ask what preflight must know."""
    router = run.intent.router(task.host.name)
    platform = PLATFORMS[router.platform]
    if not platform.driven:
        raise RefusedError(
            f"NAPALM has no driver for {platform.name}. Nothing was contacted",
            host=router.name,
            cure="configure it by hand, and leave it out with --group or --host",
        )
    if not platform.reverts and not run.options.dry_run:
        raise RefusedError(
            f"NAPALM has no commit that {platform.name} takes back by itself, and without one nothing is committed."
            " Nothing was changed",
            host=router.name,
            cure="apply the diff of --dry-run by hand, and leave this router out with --group or --host",
        )
    host = run.nornir.inventory.hosts[router.name]
    options = host.get_connection_parameters("napalm").extras or {}
    refuse_unclear_transport(
        router.name, platform.abilities.transports, options.get("optional_args", {}), host.password
    )
    seen = Seen({}, {})
    if platform.on_linux:
        asked = preflight.questions(platform.preflight, router) | _table_questions(run.intent, router)
        seen = ask(open_shell(run.nornir, router.name), asked)
    # opened here, beside the nodes' connections: routers are configured one after the other
    connection(run.nornir, router.name, "napalm")
    run.keep(ANSWERS, seen, of=router.name)
    return done(task)


@hands_over(needs=(ANSWERS,))
def refuse_early(task: Task, run: Run) -> Result:
    """Refuse to touch a router where it cannot end well."""
    router = run.intent.router(task.host.name)
    asked = PLATFORMS[router.platform].preflight
    seen = run.recall(ANSWERS, of=router.name) or Seen({}, {})
    found = preflight.reasons(asked, run.intent, router, seen) or _occupied(run.intent, router, seen)
    if found:
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=task.host.name)
    return done(task, summary="all clear")


def _table_reader(router: Router) -> RouterReader | None:
    """Who reads a Linux machine's tables, by its shell; the others are not asked what they route."""
    platform = PLATFORMS[router.platform]
    reader, vrf = platform.reader, router.peering.vrf
    if reader is None or not platform.on_linux or router.peering.routed_already:
        return None
    if vrf is None:
        return reader
    return reader.in_vrf(vrf, router.configuration_files) if isinstance(reader, ReadsVrfs) else None


def _table_questions(intent: Intent, router: Router) -> dict[str, str]:
    reader = _table_reader(router)
    asked = reader.questions(occupied.networks(intent), {}) if reader else {}
    return {f"{TABLE}{name}": command for name, command in asked.items() if not name.startswith("kernel ")}


def _occupied(intent: Intent, router: Router, seen: Seen) -> list[str]:
    """Why the router cannot take the cluster's networks; nothing where its tables cannot be read, which verifying says in its words."""
    reader = _table_reader(router)
    answers = {name.removeprefix(TABLE): answer for name, answer in seen.answers.items() if name.startswith(TABLE)}
    if reader is None or not answers:
        return []
    try:
        return list(occupied.reasons(intent, router, reader.read(answers, {})))
    except CommandError:
        return []


@hands_over(gives=(WENT_WRONG,))
def configure(task: Task, run: Run) -> Result:
    """The cluster's neighbours, filters and equal-cost paths on a router."""
    router = run.intent.router(task.host.name)
    if not PLATFORMS[router.platform].on_linux:
        return done(task, in_its_turn(task, run, order_of(task, run, router, run.bgp_password())))
    shell = open_shell(run.nornir, router.name)
    kernel = plan.plan_hash_policy(router, ask(shell, plan.questions(router), (plan.SYSCTL_FILE,)))
    routing = in_its_turn(task, run, order_of(task, run, router, run.bgp_password()))
    if not run.options.dry_run:
        apply(shell, kernel)
    return done(task, (*kernel, *routing))


@hands_over(gives=(WENT_WRONG,))
def restore(task: Task, run: Run) -> Result:
    """What Kubepeer owns on a router, or with --replace all of it, as it stood in a backup."""
    router = run.intent.router(task.host.name)
    (backup,) = (backup for backup in wanted_backups(run) if backup.router == router.name)
    order = order_for(run, router, partial(_restored, run, router, backup.text))
    return done(task, in_its_turn(task, run, order), summary=f"from {backup.name}")


def in_its_turn(task: Task, run: Run, order: Order) -> tuple[Change, ...]:
    """A change that went wrong on one router is not made on the one that stands in for it."""
    group = run.intent.router(task.host.name).peering.redundancy_group
    if before := run.recall(WENT_WRONG, of=group):
        raise RefusedError(
            f"the change of {before} went wrong, and this router stands in for it. Nothing was changed",
            host=task.host.name,
            cure=f"mend {before} first, or choose this router alone with --host",
        )
    try:
        return change_safely(task, run, order)
    except (RefusedError, UnreachableError):
        raise  # nothing was changed
    except Exception:
        if not run.options.dry_run:
            run.keep(WENT_WRONG, task.host.name, of=group)
        raise


def order_of(task: Task, run: Run, router: Router, password: str | None, other_end: OtherEnd | None = None) -> Order:
    """The change to what intent says, with this password of the sessions.

    Args:
        task: the router.
        run: the running run.
        router: which.
        password: None for none.
        other_end: what changes with it at the nodes.

    """
    return replace(order_for(run, router, partial(_candidate, task, run, router, password)), other_end=other_end)


def order_for(run: Run, router: Router, candidate: Callable[[str], Candidate]) -> Order:
    """The change that a candidate is for; the sessions of the run's nodes may end by it, and no others."""
    platform, vrf = PLATFORMS[router.platform], router.peering.vrf

    def may_go_down(running: str, diff: str) -> set[str]:
        return {session_name(peer, vrf) for peer in platform.may_go_down(run.intent, router, running, diff)}

    return Order(
        what=f"{platform.name} configuration",
        candidate=candidate,
        may_go_down=may_go_down,
        ours=frozenset(session_name(peer, vrf) for peer in run.intent.addresses_of_peers(router)),
        mends_itself=platform.on_linux,
        message=f"kubepeer: {run.intent.cluster.name}" if platform.takes_message else "",
    )


def _candidate(task: Task, run: Run, router: Router, password: str | None, running: str) -> Candidate:
    platform = PLATFORMS[router.platform]
    rendered = _render(task, run, running, password)
    return Candidate(platform.candidate(run.intent, router, rendered, running), platform.whole)


def _restored(run: Run, router: Router, backup: str, running: str) -> Candidate:
    platform = PLATFORMS[router.platform]
    if run.options.replace:
        return Candidate(backup, replaces=True)
    ours = platform.owned(run.intent, router, backup)
    return Candidate(platform.candidate(run.intent, router, ours, running), platform.whole)


def _render(task: Task, run: Run, running: str, password: str | None) -> str:
    router = run.intent.router(task.host.name)
    template = PLATFORMS[router.platform].template
    values = context(run.intent, router, running, password)
    try:
        result = task.run(template_file, template=template, jinja_env=environment(), **values)
    except NornirSubTaskError as error:
        raise _template_error(template, error.result.exception) from error
    return str(result[0].result)


def _template_error(template: str, error: BaseException | None) -> CommandError:
    line = f" line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
    return CommandError(f"templates/{template}{line}: {error}. Nothing was changed", cure="mend the template")
