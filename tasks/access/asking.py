"""What bootstrap.py asks a person before its first phase: are these the hosts' keys, and what is the password."""

import signal
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from getpass import getpass
from pathlib import Path

from nornir.core.inventory import Host
from rich.console import Console

from kubepeer.commandline import CommandLine
from kubepeer.errors import InventoryError, KubepeerError, LoginRefusedError, UsageError
from kubepeer.hostkeys import Offer, accept, offers
from kubepeer.memory import Memory
from kubepeer.opening import Opening, targets_in_order
from kubepeer.phases import nodes
from kubepeer.run import Run
from tasks.access.login import by_key

FIRST_PASSWORD = Memory[str | None]("the password of a host's first login")


def arguments(parser: ArgumentParser) -> None:
    """The arguments that are bootstrap.py's own."""
    add = parser.add_argument
    add(
        "--accept-new",
        action="store_true",
        help="accept the keys of hosts that are not in known_hosts, without a question",
    )
    add(
        "--make-key", action="store_true", help="make the key that key_file of the inventory names, where there is none"
    )
    add("--ask-each", action="store_true", help="ask for the password of each host, not once for all")
    add(
        "--no-password-login",
        action="store_true",
        help="switch log-in with a password off where the key has let in, as access.password_login: off",
    )


def make_key(given: CommandLine, host: str, path: Path) -> None:
    """Make the key that is not there, if that is wanted.

    Raises:
        InventoryError: it is not, or cannot be done.

    """
    if not given.further.get("make_key"):
        raise InventoryError(
            f"{host}: key_file: there is no file {path}. Nothing was contacted.", cure="--make-key makes one"
        )
    if given.dry_run:
        raise InventoryError(
            f"{host}: key_file: there is no file {path}, and a dry run makes none. Nothing was contacted.",
            cure=f"ssh-keygen -t ed25519 -f {path}",
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kubepeer", "-f", str(path)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise InventoryError(f"{path}: ssh-keygen: {error.strerror}. Nothing was contacted.") from error
    if done.returncode:
        raise InventoryError(f"{path}: ssh-keygen: {done.stderr.strip()}. Nothing was contacted.")


def meet(run: Run, console: Console) -> None:
    """Show the keys of hosts that are not known and have them accepted; then ask for the passwords that are needed.

    Raises:
        UsageError: the keys were not accepted, or nobody is there to be asked.

    """
    chosen = set(nodes(run))
    for targets in targets_in_order(run.nornir, lambda host: host.name in chosen):
        _judge_keys(run, console, offers(run.settings.known_hosts, targets))
    hosts = [host for name, host in run.nornir.inventory.hosts.items() if name in chosen]
    wanting = [host for host in _without_key(run, hosts) if run.intent.node(host.name).access.first_password is None]
    if not wanting or not sys.stdin.isatty():
        return  # the host's own line says what is lacking
    users = {host.name: first_user(run, host) for host in wanting}
    for user in dict.fromkeys(users.values()):
        of_user = [name for name in users if users[name] == user]
        together = [of_user] if not run.options.further.get("ask_each") else [[name] for name in of_user]
        for names in together:
            which = names[0] if len(names) == 1 else f"{len(names)} hosts"
            password = run.redactor.learn(_password(f"Password of {user} on {which}: "))
            for name in names:
                run.once(FIRST_PASSWORD, partial(str, password), of=name)


def _judge_keys(run: Run, console: Console, offered: Sequence[Offer]) -> None:
    if not offered:
        return
    names = {str(host.hostname): name for name, host in run.nornir.inventory.hosts.items()}
    console.print(
        "These hosts are not in known_hosts; they show the keys" if len(offered) > 1 else "Not in known_hosts:"
    )
    for offer in offered:
        console.print(f" {names.get(offer.target.host, 'jump host')} {offer}", soft_wrap=True, markup=False)
    if run.settings.host_keys == "strict":
        raise UsageError(
            "host_keys is strict: keys are accepted by nobody's word. Nothing was changed.",
            cure=f"write them into {run.settings.known_hosts} when they are right (ssh-keyscan)",
        )
    if not run.options.further.get("accept_new"):
        if not sys.stdin.isatty():
            raise UsageError(
                "nobody is here to say whether these keys are right. Nothing was changed.",
                cure="run it on a terminal, or with --accept-new",
            )
        if _answer("Are they right? A password goes to whoever has them. [yes/no] ") != "yes":
            raise UsageError(
                "the keys were not accepted. Nothing was changed.", cure="compare with ssh-keygen -lf there"
            )
    accept(run.settings.known_hosts, offered)


def _password(question: str) -> str:
    """The answer to a question; Ctrl-C ends the run as always, and the terminal shows again what is typed."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return getpass(question)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, before)
        signal.raise_signal(signal.SIGINT)
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _answer(question: str) -> str:
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""


def _without_key(run: Run, hosts: Sequence[Host]) -> list[Host]:
    """The hosts that answer and do not take the key."""

    def refuses(host: Host) -> bool:
        try:
            by_key(run.nornir, host.name)
        except LoginRefusedError:
            return True
        except KubepeerError:
            return False  # the phase says why
        return False

    with ThreadPoolExecutor(max(1, min(run.options.workers, len(hosts)))) as pool:
        return [host for host, without in zip(hosts, pool.map(refuses, hosts), strict=True) if without]


def first_user(run: Run, host: Host) -> str:
    """Who logs in with the password."""
    return run.intent.node(host.name).access.first_user or str(host.username)


def first_password(run: Run, host: Host) -> str:
    """The password of the first login: what was asked for, else what its source says.

    Raises:
        InventoryError: there is neither.

    """

    def read() -> str | None:
        source = run.intent.node(host.name).access.first_password
        return source.read(f"the first password of {host.name}", run.settings.folder) if source else None

    found = run.once(FIRST_PASSWORD, read, of=host.name)
    if found is None:
        raise InventoryError(
            "it does not know the key, and there is no password to bring it with",
            host=host.name,
            cure="run it on a terminal, or name the password's source in access.first_password",
        )
    return run.redactor.learn(found)


OPENING = Opening(arguments, make_key, meet)
