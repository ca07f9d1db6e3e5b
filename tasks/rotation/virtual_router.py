"""The password of VRRP, changed on all control planes at once: look, write, reload, and then the manifests one after the other."""

import time
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import waits
from tasks.cluster.access import ASKED_API
from tasks.control_plane import endpoint, holders
from tasks.control_plane import tasks as control_plane
from tasks.control_plane.endpoint_seen import EndpointSeen
from tasks.control_plane.membership import MEMBER
from tasks.control_plane.vrrp import vrrp_password
from tasks.endpoint import verify_endpoint
from tasks.linux.apply import apply
from tasks.linux.observe import ask
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange
from tasks.rotation import keepalived
from tasks.rotation.selection import HOLDER

OLD_FILE = Memory[bool]("whether a control plane's keepalived may run with another password")
MOVED_SECONDS = 5.0  # three advertisements and a skew, and the second in which an address that moved comes to rest
RETURN_SECONDS = (
    30.0  # of the holder, when its keepalived has started: an advertisement each second, a check that passes twice
)
NOTHING = "Nothing was changed."


@hands_over(needs=(MEMBER,), gives=(HOLDER, OLD_FILE))
def preflight_endpoint(task: Task, run: Run) -> Result:
    """A control plane's keepalived runs, and its files differ from the inventory in the password alone.

    Raises:
        RefusedError: they do not, or it does not.

    """
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    paths = endpoint.PATHS
    seen = ask(shell, {**endpoint.QUESTIONS, **keepalived.QUESTIONS, **holders.QUESTIONS}, paths)
    member = run.recall(MEMBER, of=node.name)
    standing = member.endpoint if member is not None else EndpointSeen()
    if not standing.configured or not seen["keepalived"].lines:
        raise RefusedError(
            f"no keepalived of ours runs there. {NOTHING}", host=node.name, cure="python runbooks/deploy.py"
        )
    wanted = vrrp_password(run)
    changes = endpoint.plan_endpoint(run.intent, node, seen, wanted)
    other = keepalived.differs_otherwise(run.intent, node, seen, standing.password)
    if other:
        raise RefusedError(
            f"{', '.join(other)} differs from the inventory in more than the password. {NOTHING}",
            host=node.name,
            cure="put the old password back, run deploy.py, and then rotate",
        )
    if holders.has_address(seen["addresses"], str(run.intent.cluster.endpoint.address)):
        run.keep(HOLDER, node.name)
    another = keepalived.runs_with_another(changes)
    run.keep(OLD_FILE, another, of=node.name)
    return done(task, summary="to change" if another else "has it")


@hands_over(needs=(MEMBER,))
def write(task: Task, run: Run) -> Result:
    """Keepalived's file with the new password: nobody reads it yet."""
    shell = open_shell(run.nornir, task.host.name)
    changes = keepalived.written(_planned(run, shell))
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


@hands_over(needs=(OLD_FILE,))
def reload(task: Task, run: Run) -> Result:
    """All of them at the same moment: keepalived reads its file, and stays what it is."""
    if not run.recall(OLD_FILE, of=task.host.name):
        return done(task)
    change = keepalived.reload()
    if not run.options.dry_run:
        apply(open_shell(run.nornir, task.host.name), (change,))
    return done(task, (change,))


@hands_over(needs=(OLD_FILE,), gives=ASKED_API)
def one_holder(task: Task, run: Run) -> Result:
    """When every backup has had the time to miss its master, the address is one control plane's still."""
    if run.options.dry_run or not _any_old(run):
        return done(task)
    time.sleep(MOVED_SECONDS)  # a backup that hears nobody tells nobody
    return verify_endpoint(task, run)


@hands_over(needs=(MEMBER, HOLDER), gives=ASKED_API)
def restart(task: Task, run: Run) -> Result:
    """The pod's manifest with the hash of the file, as deploy.py writes it; the holder last, and then the address is at rest again.

    Raises:
        CommandError: the pod or the address does not come back.

    """
    result = control_plane.place_endpoint(task, run)
    if run.options.dry_run or not vars(result)["changes"] or task.host.name != run.recall(HOLDER):
        return result
    shell = open_shell(run.nornir, task.host.name)
    try:
        waits.until(partial(_away, run, shell), RETURN_SECONDS)
    except CommandError as error:
        raise CommandError(error.message, host=task.host.name, cure="crictl logs of keepalived there") from error
    return result


def _any_old(run: Run) -> bool:
    old = [run.recall(OLD_FILE, of=node.name) for node in run.intent.control_planes]
    return any(old)


def _away(run: Run, shell: SshShell) -> str:
    address = str(run.intent.cluster.endpoint.address)
    try:
        found = ask(shell, holders.QUESTIONS)["addresses"]
    except KubepeerError as error:
        return error.message
    if holders.has_address(found, address):
        return ""
    waiting(said := f"{address} has not come back to it")
    return said


def _planned(run: Run, shell: SshShell) -> tuple[LinuxChange, ...]:
    node, seen = run.intent.node(shell.host), ask(shell, endpoint.QUESTIONS, endpoint.PATHS)
    return endpoint.plan_endpoint(run.intent, node, seen, vrrp_password(run))
