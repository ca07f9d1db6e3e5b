"""From a password to a key: log in, place the key, prove it, and only then close the other way."""

import time

from nornir.core.task import Result, Task

from kubepeer.change import GENERATED
from kubepeer.errors import CommandError, KubepeerError, LoginRefusedError, UnreachableError
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.access import account, among_nodes, diagnosis, sshd, sudoers
from tasks.access.account import Account
from tasks.access.among_nodes import Keys
from tasks.access.asking import first_password, first_user
from tasks.access.controller_key import public_key
from tasks.access.login import Session, by_key, by_password, judge
from tasks.linux.apply import apply
from tasks.linux.observe import FileSeen, ask
from tasks.linux.state import LinuxChange

SESSION = Memory[Session]("the first login to each host")
ACCOUNT = Memory[Account]("the account that the runbooks log in to")
PROVEN = Memory[bool]("whether a host lets in by the key")
KEYS = Memory[Keys]("root's key on each node")
KEPT = "kept"  # access.password_login
RELOADED_SECONDS = 15  # sshd starts itself anew on SIGHUP, and does not listen meanwhile


@hands_over(gives=(SESSION,))
def log_in(task: Task, run: Run) -> Result:
    """By the key where it lets in, else with the password."""
    host = task.host
    try:
        session, user = by_key(run.nornir, host.name), str(host.username)
    except LoginRefusedError:
        user, access = first_user(run, host), run.intent.node(host.name).access
        password = first_password(run, host)
        of_sudo = access.sudo_password if user == host.username else None
        sudo_password = (
            run.redactor.learn(of_sudo.read("the sudo password", run.settings.folder)) if of_sudo else password
        )
        session = by_password(host, user, password, sudo_password)
        judge(session, user)
    run.keep(SESSION, session, of=host.name)
    return done(task, summary="by key" if session.by_key else f"with the password of {user}")


@hands_over(needs=(SESSION,), gives=(ACCOUNT,))
def place_key(task: Task, run: Run) -> Result:
    """The controller's public key where sshd looks for the login user's, and sudo for him where that is wanted."""
    host, user = task.host, str(task.host.username)
    shell, access = _session(run, host.name).shell, run.intent.node(host.name).access
    file = sudoers.path(user)
    seen = ask(shell, {"account": account.question(user)}, [file])
    found = account.account(user, seen["account"])
    changes = [*account.plan(found, public_key(task.host, run))]
    if access.sudo_without_password and user != "root":
        changes += sudoers.plan(user, seen.files[file])
    if not run.options.dry_run:
        apply(shell, changes)
    run.keep(ACCOUNT, found, of=host.name)
    return done(task, changes)


@hands_over(needs=(SESSION, ACCOUNT), gives=(PROVEN,))
def prove(task: Task, run: Run) -> Result:
    """A new login as the other runbooks have it: by the key alone, and to root."""
    name, session = task.host.name, _session(run, task.host.name)
    if not session.by_key and run.options.dry_run:
        return done(task, summary="not before the key is there")
    try:
        fresh = session if session.by_key else by_key(run.nornir, name)
    except LoginRefusedError as error:
        found = run.recall(ACCOUNT, of=name)
        user = str(task.host.username)
        said = ask(session.shell, diagnosis.questions(user))
        why, cure = diagnosis.reason(found, said) if found else ("", "")
        raise LoginRefusedError(
            f"the key is there, and sshd does not take it from {user}: {why}. Nothing else was changed",
            host=name,
            cure=cure,
        ) from error
    judge(fresh, str(task.host.username))
    run.keep(PROVEN, True, of=name)  # noqa: FBT003
    return done(task, summary="root, by the key alone")


@hands_over(needs=(SESSION, PROVEN))
def close_password_login(task: Task, run: Run) -> Result:
    """No password is a way in any more; taken back where the key then no longer lets in."""
    name, user = task.host.name, str(task.host.username)
    access = run.intent.node(name).access
    if access.password_login == KEPT and not run.options.further.get("no_password_login"):
        return done(task, summary="kept")
    shell = _session(run, name).shell
    seen = ask(shell, sshd.questions(user), sshd.PATHS)
    changes = [*sshd.plan(seen, user)]
    if against := sshd.reason_not_to(seen):
        raise CommandError(f"{against}. Password log-in is as it was", host=name)
    if not run.options.dry_run and changes:
        if not run.recall(PROVEN, of=name):
            raise CommandError("the key was not proven. Password log-in is as it was", host=name, cure="run again")
        apply(shell, changes)
        _prove_again(task, run, changes[0], seen.files.get(changes[0].what))
    return done(task, changes)


def _prove_again(task: Task, run: Run, change: LinuxChange, stands: FileSeen | None) -> None:
    """Log in anew; where that fails, what stood before stands again: the session from before is still open."""
    ends = time.monotonic() + RELOADED_SECONDS
    session = _session(run, task.host.name)
    if session.by_key:
        task.host.connections.pop("netmiko", None)  # kept open by the session; the next login is a new one
    while True:
        try:
            judge(by_key(run.nornir, task.host.name), str(task.host.username))
        except KubepeerError as error:
            if (
                isinstance(error, UnreachableError)
                and not isinstance(error, LoginRefusedError)
                and time.monotonic() < ends
            ):
                time.sleep(0.5)
                continue
            apply(session.shell, [sshd.undo(change, stands)])
            raise CommandError(
                f"after {change.what} the key no longer lets in: {error.message}. What stood there stands again",
                host=task.host.name,
                cure=error.cure,
            ) from error
        else:
            return


@hands_over(needs=(SESSION,), gives=(KEYS,))
def make_keys(task: Task, run: Run) -> Result:
    """Root's own key on each node, where the inventory wants the nodes to reach each other."""
    node = run.intent.node(task.host.name)
    if not node.access.keys_among_nodes:
        return done(task, summary="not wanted")
    shell = _session(run, node.name).shell

    def look() -> Keys:
        seen = ask(shell, among_nodes.QUESTIONS)
        return among_nodes.keys(seen["own key"], seen["host keys"])

    found = look()
    changes = [*among_nodes.plan_key(node, found)]
    if changes and not run.options.dry_run:
        apply(shell, changes)
        found = look()
    run.keep(KEYS, found, of=node.name)
    return done(task, changes)


@hands_over(needs=(SESSION, KEYS))
def exchange_keys(task: Task, run: Run) -> Result:
    """Every node knows the others' keys, and by ~/.ssh/config the way to them."""
    wanted = {node.name: node for node in run.intent.nodes if node.access.keys_among_nodes}
    own = run.recall(KEYS, of=task.host.name)
    if task.host.name not in wanted or own is None:
        return done(task, summary="not wanted")
    known = {name: keys for name in wanted if (keys := run.recall(KEYS, of=name))}
    ports = {name: run.nornir.inventory.hosts[name].port or 22 for name in wanted}
    shell = _session(run, task.host.name).shell
    seen = ask(shell, {}, among_nodes.PATHS)
    changes = [change for change in among_nodes.plan(wanted, ports, known, own, seen) if change]
    if not run.options.dry_run:
        apply(shell, changes)
    made = [name for name, keys in known.items() if not keys.public]
    return done(task, changes, summary=f"with {len(made)} keys {GENERATED}" if made else "")


def _session(run: Run, name: str) -> Session:
    session = run.recall(SESSION, of=name)
    if session is None:
        raise UnreachableError("nobody has logged in", host=name, cure="run again")
    return session
