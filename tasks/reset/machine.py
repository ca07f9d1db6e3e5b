"""The steps of reset.py on a machine: what runs ends, what is left goes, its owner's files are given back; each looks and plans anew."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.control_plane import endpoint, holders, membership
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask
from tasks.linux.shell import open_shell
from tasks.linux.state import LinuxChange
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.removal import leftovers
from tasks.reset import files, packages, teardown
from tasks.reset.look import BELONGS
from tasks.reset.selection import takes_packages

CURE = "run again; else take it away by hand"
# The kernel keeps fifteen signs of a name. A container whose program has none of these names has a shim of containerd's.
RUNS = f"""ps -eo pid=,comm= | grep -E ' (kubelet|kube-.*|etcd|calico-node)$'
{teardown.SHIMS} | sed 's/$/ a container of Kubernetes/'"""
# bootstrap.py's is the controller's way in, and no part of the cluster; a file stays aside where its owner has a new one
LIES = "find /etc -xdev -iname '*kubepeer*' ! -name '*-by-kubepeer*' ! -path '/etc/ssh/*' ! -path '/etc/sudoers.d/*' 2>/dev/null; true"
QUESTIONS = {
    "leftovers": membership.QUESTIONS["leftovers"],
    "secrets": leftovers.LIST_SECRETS,
    "runs": RUNS,
    "lies": LIES,
}
Planned = Callable[[Seen], Sequence[LinuxChange]]


@hands_over(needs=(BELONGS,))
def reset(task: Task, run: Run) -> Result:
    """Kubelet and containers end, the endpoint's files and its address go, and what kubeadm has made, by kubeadm reset."""
    node = run.intent.node(task.host.name)
    own = run.recall(BELONGS, of=node.name)
    ca = own.ca if own else ""
    shell, asked = open_shell(run.nornir, node.name), teardown.questions(run.intent, ca)
    seen = ask(shell, asked, endpoint.PATHS)
    for path in leftovers.shared_kubeconfigs(seen):
        run.warn(
            f"{path} on {node.name} knows other clusters beside this one, and stays: take {run.intent.cluster.name} out of it"
        )
    changes = tuple(teardown.plan(run.intent, node, seen))
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


def clean(task: Task, run: Run) -> Result:
    """What kubeadm reset leaves behind: rules, devices, routes, files; and the API's address, which nobody takes over any more.

    Raises:
        CommandError: something still is there.

    """
    node = run.intent.node(task.host.name)
    asked = leftovers.questions(run.intent, "") | {"kubeconfigs": "true"} | holders.QUESTIONS

    def planned(seen: Seen) -> Sequence[LinuxChange]:
        return (*teardown.plan_addresses(run.intent, node, seen), *leftovers.plan(run.intent, seen))

    return _bring_about(task, run, planned, asked)


def give_back(task: Task, run: Run) -> Result:
    """What deploy.py has written: its own files go, and of the owner's files what is not his.

    Raises:
        CommandError: something still is there.

    """
    return _bring_about(task, run, files.plan, files.questions(run.intent), files.PATHS)


def take_packages(task: Task, run: Run) -> Result:
    """Images and Calico's programs; packages and the runtime where that is asked for; then folders that nothing is in.

    Raises:
        CommandError: something still is there.

    """
    wanted = takes_packages(run)
    asked = packages.questions(packages=wanted)
    shell = open_shell(run.nornir, task.host.name)
    seen = ask(shell, asked, deadline=INSTALL_SECONDS)
    if users := packages.users_of_the_runtime(seen):
        run.warn(f"{task.host.name}: the container runtime stays, others live by it: {', '.join(users)}")
    changes = tuple(packages.plan(seen, packages=wanted))
    if run.options.dry_run:
        return done(task, (*changes, *packages.plan_folders(seen)))
    apply(shell, changes)
    again = ask(shell, asked, deadline=INSTALL_SECONDS)
    _refuse_what_is_left(packages.plan(again, packages=wanted), task.host.name)
    folders = tuple(packages.plan_folders(again))
    apply(shell, folders)
    return done(task, (*changes, *folders))


def verify(task: Task, run: Run) -> Result:
    """Nothing of the cluster runs on the machine, and nothing that kubeadm or we have made lies there.

    Raises:
        CommandError: something does.

    """
    if run.options.dry_run:
        return done(task)
    shell = open_shell(run.nornir, task.host.name)
    seen = ask(shell, QUESTIONS)
    found = [f"{kind}: {line}" for kind in QUESTIONS for line in seen[kind].lines]
    if found:
        raise CommandError(f"still there: {'; '.join(found)}", host=task.host.name, cure=CURE)
    return done(task, summary="bare")


def _bring_about(
    task: Task, run: Run, planned: Planned, questions: Mapping[str, str], paths: Sequence[str] = ()
) -> Result:
    """Look, plan, apply, and look again: then nothing is planned any more."""
    shell = open_shell(run.nornir, task.host.name)
    changes = tuple(planned(ask(shell, questions, paths)))
    if run.options.dry_run or not changes:
        return done(task, changes)
    apply(shell, changes)
    _refuse_what_is_left(planned(ask(shell, questions, paths)), task.host.name)
    return done(task, changes)


def _refuse_what_is_left(changes: Iterable[LinuxChange], host: str) -> None:
    if left := [change.what for change in changes]:
        raise CommandError(f"still there after it was taken away: {', '.join(left)}", host=host, cure=CURE)
