"""Configure a router: diff, backup, commit with a revert timer on the router, check, confirm."""

import time
from typing import Any

from napalm.base.exceptions import NapalmException
from nornir.core.task import Result, Task
from nornir_jinja2.plugins.tasks import template_file
from nornir_utils.plugins.tasks.files import write_file

from kubepeer.change import Change
from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.run import Run, done
from tasks.linux.apply import apply
from tasks.linux.connect import answers, connection
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.linux.templates import environment
from tasks.routers import plan, preflight
from tasks.routers.backups import new_backup
from tasks.routers.platform import PLATFORMS, context

REVERT_SECONDS = 60  # the router takes the change back by itself after this, unless it is confirmed
CHECK_SECONDS = 20  # for sessions that were up to be up again
REVERT_ENDS_SECONDS = 30  # the router itself needs some seconds to take a change back


def observe(task: Task, run: Run) -> Result:
    """Connect, and ask what preflight must know."""
    shell = open_shell(run.nornir, task.host.name)
    run.keep(("router", task.host.name), ask(shell, preflight.QUESTIONS))
    return done(task)


def refuse_early(task: Task, run: Run) -> Result:
    """Refuse to touch a router where it cannot end well."""
    found = preflight.reasons(run.intent.router(task.host.name), run.recall(("router", task.host.name)))
    if found:
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=task.host.name)
    return done(task, summary="all clear")


def configure(task: Task, run: Run) -> Result:
    """The cluster's neighbours, filters and equal-cost paths on an FRR router."""
    name = task.host.name
    shell = open_shell(run.nornir, name)
    kernel = plan.plan_hash_policy(ask(shell, plan.QUESTIONS, (plan.SYSCTL_FILE,)))
    device = connection(run.nornir, name, "napalm")
    try:
        routing = _configure_routing(task, run, device)
    except NapalmException as error:
        raise CommandError(f"{type(error).__name__}: {error}", host=name) from error
    if not run.options.dry_run:
        apply(shell, kernel)
    return done(task, (*kernel, *routing))


def _configure_routing(task: Task, run: Run, device: Any) -> tuple[Change, ...]:
    _let_pending_change_end(task, device)
    running = device.get_config(retrieve="running")["running"]
    router = run.intent.router(task.host.name)
    platform = PLATFORMS[router.platform]
    fragment = platform.candidate(run.intent, router, _render(task, run, running), running)
    if not fragment:
        return ()
    device.load_merge_candidate(config=fragment)
    diff = device.compare_config()
    if not diff:
        device.discard_config()
        return ()
    change = Change("FRR configuration", unified=diff)
    if run.options.dry_run:
        device.discard_config()
        return (change,)
    backup = new_backup(run.settings.state / "backups", task.host.name)
    task.run(write_file, filename=str(backup), content=running)
    established = _established(device) - platform.may_go_down(run.intent, router, running, diff)
    device.commit_config(message=f"kubepeer: {run.intent.cluster.name}", revert_in=REVERT_SECONDS)
    try:
        _check(task, device, established)
    except KubepeerError:
        device.rollback()
        raise
    device.confirm_commit()
    return (change,)


def _let_pending_change_end(task: Task, device: Any) -> None:
    """Wait until no change on the router is neither confirmed nor taken back.

    A run that was killed between the two leaves one: what the router runs looks right, and is gone within the minute.
    """
    ends = time.monotonic() + REVERT_SECONDS + REVERT_ENDS_SECONDS
    while device.has_pending_commit():
        if time.monotonic() > ends:
            raise CommandError(
                f"an earlier change is still neither confirmed nor taken back after {REVERT_SECONDS + REVERT_ENDS_SECONDS} s",
                host=task.host.name,
                cure="does another run work on it? Else see /var/lib/napalm-frr/history on the router",
            )
        time.sleep(1)  # the timer is the router's; it tells nobody


def _render(task: Task, run: Run, running: str) -> str:
    source = run.intent.cluster.bgp.password
    password = run.redactor.learn(source.read("the BGP password", run.settings.folder)) if source else None
    router = run.intent.router(task.host.name)
    result = task.run(
        template_file,
        template=PLATFORMS[router.platform].template,
        jinja_env=environment(),
        **context(run.intent, router, running, password),
    )
    return str(result[0].result)


def _established(device: Any) -> set[str]:
    """The peers whose session is up."""
    tables = device.get_bgp_neighbors()
    return {peer for table in tables.values() for peer, state in table["peers"].items() if state["is_up"]}


def _check(task: Task, device: Any, established: set[str]) -> None:
    """Management answers, and every session that was up is up, or soon again; else the change was a mistake."""
    ends = time.monotonic() + CHECK_SECONDS
    while True:
        if not (device.is_alive()["is_alive"] and answers(task.host)):
            raise CommandError(
                "management does not answer after the change; the router reverts by itself", host=task.host.name
            )
        lost = established - _established(device)
        if not lost:
            return
        if time.monotonic() > ends:
            raise CommandError(
                f"sessions lost by the change: {', '.join(sorted(lost))}; it was taken back", host=task.host.name
            )
        time.sleep(1)  # a session that was reset needs a few seconds to come back
