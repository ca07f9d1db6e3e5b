"""etcd: look at it by whichever control plane answers; defragment it, one member after the other, each well again before the next."""

from collections.abc import Sequence
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.checks import Finding
from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import waits
from tasks.control_plane import etcd_state, static_pods
from tasks.control_plane.etcd_state import EtcdState, mib
from tasks.control_plane.explain import explain
from tasks.etcd import plan
from tasks.linux import run_lock
from tasks.linux.apply import apply
from tasks.linux.holding import OTHER_RUN, look_for_others, refuse_beside_another
from tasks.linux.observe import ask
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange, present

STATE = Memory[EtcdState]("etcd's state before anything is changed")
NOW = Memory[EtcdState]("etcd's state as it was seen last")
FAILED = Memory[str]("the control plane whose member did not come back")
WELL_SECONDS = 120  # an election is over in seconds; an apiserver that has lost its etcd looks again every few
NOTHING = "Nothing was changed."


@hands_over(gives=(STATE, NOW))
def look(task: Task, run: Run) -> Result:
    """Members, leader, sizes and alarms; judged where nothing is to be changed."""
    _, state = ask_any(run)
    run.keep(STATE, state)
    run.keep(NOW, state)
    if run.options.further["defragment"]:
        return done(task, summary=_summary(state))
    return _judged(task, run, state)


@hands_over(gives=(OTHER_RUN,))
def observe(task: Task, run: Run) -> Result:
    """Connect to a control plane, and see whether another run is at work there."""
    shell = open_shell(run.nornir, task.host.name)
    seen = ask(shell, {"run lock": run_lock.question(wait=not run.options.dry_run)})
    look_for_others(run, task.host.name, run_lock.other_run(seen["run lock"]))
    return done(task)


@hands_over(needs=(STATE, OTHER_RUN))
def refuse_early(task: Task, run: Run) -> Result:
    """Refuse where a member is not well already: etcd must bear that another one does not answer for a while.

    Raises:
        RefusedError: with every reason.

    """
    refuse_beside_another(run)
    state = run.recall(STATE) or EtcdState((), {})
    if reasons := plan.against(etcd_state.findings(run.intent, task.host.name, state), state):
        raise RefusedError(f"not defragmented: {'; '.join(reasons)}. {NOTHING}", host=task.host.name)
    return done(task)


@hands_over(needs=(STATE,))
def compact(task: Task, run: Run) -> Result:
    """Where etcd takes no more writes, its old revisions go first: a defragmentation gives back what is free, and no more."""
    changes = present(plan.compact(run.recall(STATE) or EtcdState((), {})))
    return _applied(task, run, changes)


@hands_over(needs=(STATE,), gives=(FAILED, NOW))
def defragment(task: Task, run: Run) -> Result:
    """A member's database, while all others are well; and it is well again.

    Raises:
        CommandError: it is not, or another one was not before.

    """
    node, state = run.intent.node(task.host.name), run.recall(STATE) or EtcdState((), {})
    status = plan.status_of(node, state)
    if status is None:
        return done(task, summary="no member")
    alarm = plan.has_alarm(state, etcd_state.NOSPACE)
    because = plan.why(run.intent, status, every=bool(run.options.further["all"]), alarm=alarm)
    if not because:
        return done(task, summary="not worth it (--all)")  # the sizes are in the table
    change = plan.defragment(node, status, because)
    if run.options.dry_run:
        return done(task, (change,))
    if (failed := run.recall(FAILED)) is not None:
        raise CommandError(f"not touched: {failed} did not come back", host=node.name, cure=f"bring {failed} back")
    shell = open_shell(run.nornir, node.name)
    try:
        _wait_until_well(run, shell)
        apply(shell, (change,))
        now = _wait_until_well(run, shell)
    except KubepeerError:
        run.keep(FAILED, node.name)
        raise
    run.keep(NOW, now)
    after = plan.status_of(node, now)
    return done(task, (change,), summary=f"{mib(status.size)} before, {mib(after.size)} now" if after else "")


@hands_over(needs=(STATE,), gives=(NOW,))
def disarm(task: Task, run: Run) -> Result:
    """NOSPACE goes when every database has room again, and not before.

    Raises:
        CommandError: one has none.

    """
    change = plan.disarm(run.recall(STATE) or EtcdState((), {}))
    if change is None or run.options.dry_run:
        return done(task, present(change))
    shell, now = ask_any(run)
    if full := plan.too_full(run.intent, now):
        raise CommandError(
            f"alarm {etcd_state.NOSPACE} stays: {', '.join(full)} after the defragmentation",
            host=task.host.name,
            cure="raise quota-backend-bytes (kubeadm.etcd.extra_args), or delete objects, and run again",
        )
    apply(shell, (change,))
    run.keep(NOW, ask_any(run)[1])
    return done(task, (change,))


@hands_over(gives=(NOW,))
def verify(task: Task, run: Run) -> Result:
    """Look once more, and judge; nothing in a dry run."""
    if run.options.dry_run:
        return done(task)
    _, state = ask_any(run)
    run.keep(NOW, state)
    return _judged(task, run, state)


def ask_any(run: Run) -> tuple[SshShell, EtcdState]:
    """Etcd's state, and the shell of the control plane that has told it: the first whose member answers.

    Raises:
        CommandError: none does.

    """
    said = []
    for node in run.intent.control_planes:
        try:
            shell = open_shell(run.nornir, node.name)
            return shell, etcd_state.read(ask(shell, etcd_state.QUESTIONS, deadline=etcd_state.SECONDS))
        except KubepeerError as error:
            said.append(f"{node.name}: {error.message}")
    raise CommandError(
        f"no control plane's etcd answers: {'; '.join(said)}", cure="crictl ps -a | grep etcd there, and its log"
    )


def _judged(task: Task, run: Run, state: EtcdState) -> Result:
    found = tuple(etcd_state.findings(run.intent, task.host.name, state))
    return done(task, findings=found, failed=not all(one.ok for one in found), summary=_summary(state))


def _summary(state: EtcdState) -> str:
    return f"{sum(one.works for one in state.members)} of {len(state.members)} members answer"


def _applied(task: Task, run: Run, changes: Sequence[LinuxChange]) -> Result:
    if changes and not run.options.dry_run:
        apply(ask_any(run)[0], changes)
    return done(task, changes)


def _wait_until_well(run: Run, shell: SshShell) -> EtcdState:
    """All members answer and know one leader, and the apiserver beside this one is ready.

    Raises:
        CommandError: it does not come to that.

    """
    seen: list[EtcdState] = []

    def missing() -> str:
        state = ask_any(run)[1]
        seen[:] = [state]
        found: list[Finding] = list(etcd_state.findings(run.intent, shell.host, state))
        said = "; ".join(plan.against(found, state))
        # while etcd takes no writes no apiserver is to be judged by that
        if not said and not plan.has_alarm(state, etcd_state.NOSPACE) and not static_pods.ready(shell):
            said = f"the apiserver of {shell.host} is not ready"
        if said:
            waiting(said)
        return said

    try:
        waits.until(missing, WELL_SECONDS, partial(explain, shell, ("etcd",)))
    except CommandError as error:
        raise CommandError(
            f"{error.message}. No further member was touched", host=shell.host, cure="bring it back, and run again"
        ) from error
    return seen[0]
