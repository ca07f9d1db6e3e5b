"""The certificates of nodes: look at them; renew them, one control plane after the other, each well again before the next."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done, waiting
from tasks.certificates import judge, questions, reading, renewal
from tasks.certificates.arguments import within
from tasks.certificates.pem import Certificate, days
from tasks.certificates.reading import CERTIFICATES_OF, NodeCertificates
from tasks.cluster import waits
from tasks.control_plane import kubeconfigs, static_pods
from tasks.control_plane.explain import explain
from tasks.control_plane.kubeadm import KUBEADM_SECONDS
from tasks.control_plane.kubelets import well
from tasks.linux import run_lock
from tasks.linux.apply import apply
from tasks.linux.holding import OTHER_RUN, look_for_others, refuse_beside_another
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import WAIT_FOR_LOCK, present

RENEWAL_FAILED = Memory[str]("the node on which a renewal went wrong")
USERS = Memory[tuple[str, ...]]("the users of each node whose kubeconfig is the administrator's")
# A static pod that has crashed often, since its certificates had expired, is started every five minutes (the kubelet's MaxContainerBackOff)
RESTART_SECONDS = 360
NOTHING = "Nothing was changed on any host."


@hands_over(gives=(CERTIFICATES_OF,))
def verify(task: Task, run: Run) -> Result:
    """Every certificate of a node is valid long enough; a look, in one round trip."""
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    seen = reading.read(ask(shell, questions.questions(run.intent, node), deadline=questions.SECONDS))
    return _judged(task, run, seen)


@hands_over(gives=(CERTIFICATES_OF, OTHER_RUN, USERS))
def observe(task: Task, run: Run) -> Result:
    """The same for certificates.py: with --renew nothing is judged yet, and what a renewal must know is asked as well."""
    if not run.options.further["renew"]:
        return verify(task, run)
    node = run.intent.node(task.host.name)
    asked = {
        "lock": WAIT_FOR_LOCK.format(seconds=KUBEADM_SECONDS),
        "run lock": run_lock.question(wait=not run.options.dry_run),
        "kubeconfigs": kubeconfigs.question(run.intent) if node.role == "control_plane" else "true",
        **questions.questions(run.intent, node),
    }
    answers = ask(open_shell(run.nornir, node.name), asked, deadline=KUBEADM_SECONDS + questions.SECONDS)
    seen = at_rest(answers, node.name)
    look_for_others(run, node.name, run_lock.other_run(seen["run lock"]))
    run.keep(CERTIFICATES_OF, reading.read(seen), of=node.name)
    run.keep(USERS, tuple(seen["kubeconfigs"].lines), of=node.name)
    return done(task)


@hands_over(needs=(CERTIFICATES_OF, OTHER_RUN))
def refuse_early(task: Task, run: Run) -> Result:
    """Refuse, before anything is renewed, where kubeadm cannot.

    Raises:
        RefusedError: a control plane has no key of a CA, or is none yet.

    """
    refuse_beside_another(run)
    seen, now = _seen(run, task.host.name), _now()
    if judge.kubeadm_has_none(seen):
        raise RefusedError(
            f"has no certificates of kubeadm. {NOTHING}",
            host=task.host.name,
            cure="python runbooks/deploy.py makes it a member",
        )
    missing = judge.external_authorities(run.intent, seen)
    if missing and judge.due(seen, within(run), now):
        raise RefusedError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not there: an external CA signs this cluster's certificates, and "
            f"kubeadm cannot renew them. {NOTHING}",
            host=task.host.name,
            cure="renew them where the CA's key is kept",
        )
    for one in judge.authorities_due(seen, within(run), now):
        run.warn(f"{one.path} {judge.said(one, now)}: {judge.OF_A_CA}")
    return done(task)


@hands_over(needs=(CERTIFICATES_OF, USERS), gives=(CERTIFICATES_OF, RENEWAL_FAILED))
def renew(task: Task, run: Run) -> Result:
    """What is due on a control plane: kubeadm renews, the static pods begin anew, kubeconfigs follow; then it is well again."""
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    seen, now = _seen(run, node.name), _now()
    due = judge.due(seen, within(run), now)
    pods = seen.began if due else judge.outdated(seen)
    changes = present(renewal.of_kubeadm(run.intent, due, now), renewal.of_static_pods(pods))
    users = () if due else run.recall(USERS, of=node.name) or ()
    copies = tuple(kubeconfigs.plan(run.intent, users))
    if run.options.dry_run or not (changes or copies):
        return done(task, (*changes, *copies))
    _refuse_after_a_failure(run, node)
    try:
        _refuse_while_others_are_unwell(run, shell, node)
        apply(shell, changes)
        if changes:
            _wait_until_well(run, shell, node, due, pods)
        apply(shell, copies)
    except KubepeerError:
        run.keep(RENEWAL_FAILED, node.name)
        raise
    return done(task, (*changes, *copies))


@hands_over(needs=(CERTIFICATES_OF,), gives=(RENEWAL_FAILED,))
def renew_kubelets(task: Task, run: Run) -> Result:
    """A kubelet that serves with a certificate of its own making, which is due, makes another one."""
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    if not judge.self_signed_is_due(_seen(run, node.name), within(run), _now()):
        return done(task)
    changes: tuple[Change, ...] = (change := renewal.of_kubelet(well(run, node)),)
    if not run.options.dry_run:
        _refuse_after_a_failure(run, node)
        try:
            apply(shell, (change,))
        except KubepeerError:
            run.keep(RENEWAL_FAILED, node.name)
            raise
    return done(task, changes)


@hands_over(gives=(CERTIFICATES_OF,))
def verify_again(task: Task, run: Run) -> Result:
    """Look at all of them anew, when everything is renewed; nothing in a dry run."""
    return done(task) if run.options.dry_run else verify(task, run)


def _judged(task: Task, run: Run, seen: NodeCertificates) -> Result:
    run.keep(CERTIFICATES_OF, seen, of=task.host.name)
    now = _now()
    found = tuple(judge.findings(run.intent.node(task.host.name), seen, within(run), now))
    ends = [one for one in seen.certificates if not one.authority]
    soonest = min(ends, key=lambda one: one.expires, default=None)
    summary = f"{len(seen.certificates)}, the first ends in {days(soonest, now)} days" if soonest else "none"
    return done(task, findings=found, failed=not all(one.ok for one in found), summary=summary)


def _seen(run: Run, name: str) -> NodeCertificates:
    return run.recall(CERTIFICATES_OF, of=name) or NodeCertificates()


def _now() -> datetime:
    return datetime.now(UTC)


def _refuse_after_a_failure(run: Run, node: Node) -> None:
    if (failed := run.recall(RENEWAL_FAILED)) is not None:
        raise CommandError(
            f"not touched: the renewal went wrong on {failed}",
            host=node.name,
            cure=f"bring {failed} back, and run again",
        )


def _refuse_while_others_are_unwell(run: Run, shell: SshShell, node: Node) -> None:
    """No control plane is touched while another is not well; one that is down itself has nothing to lose.

    Raises:
        CommandError: another one is not ready, and does not become so.

    """
    others = [one for one in run.intent.control_planes if one != node]
    if others and static_pods.ready(shell):
        static_pods.refuse_while_unwell(shell, node, others)


def _wait_until_well(
    run: Run, shell: SshShell, node: Node, before: Sequence[Certificate], pods: Collection[str]
) -> None:
    """The node's static pods run with what is written, its apiserver serves it and is ready.

    Where etcd's certificates had expired on most control planes, no apiserver can be ready before most are renewed: it is asked of those
    that follow.

    Raises:
        CommandError: the deadline has passed; says what was not so.

    """
    asked = {**questions.questions(run.intent, node), "served": renewal.SERVED}

    def missing() -> str:
        answers = ask(shell, asked, deadline=questions.SECONDS)
        seen, now = reading.read(answers), _now()
        run.keep(CERTIFICATES_OF, seen, of=node.name)
        if wrong := judge.wrong_after(before, seen, within(run), now):
            raise CommandError(wrong, host=node.name)
        everyone = [run.recall(CERTIFICATES_OF, of=one.name) for one in run.intent.control_planes]
        said = judge.not_restarted(pods, seen)
        if not said and judge.has_quorum(everyone, now):
            said = judge.served_is_the_file(seen, renewal.served_until(answers["served"]))
            said = said or ("" if static_pods.ready(shell) else f"the apiserver of {node.name} is not ready")
        if said:
            waiting(said)
        return said

    try:
        waits.until(missing, RESTART_SECONDS, partial(explain, shell, tuple(pods)))
    except CommandError as error:
        cure = "bring it back, and run again: what is renewed is not renewed twice"
        raise CommandError(
            f"{error.message}. No further control plane was touched.", host=node.name, cure=cure
        ) from error
