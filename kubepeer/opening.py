"""What stands between the inventory and the first phase: the secrets of the logins, and the keys of the hosts."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nornir.core import Nornir
from nornir.core.inventory import Host
from rich.console import Console

from kubepeer.commandline import CommandLine
from kubepeer.display import Display
from kubepeer.errors import InventoryError, UsageError
from kubepeer.execution import run_phases
from kubepeer.hostkeys import Target, learn_new_hosts
from kubepeer.intent import Intent
from kubepeer.inventory import TIMEOUTS, Login
from kubepeer.jump import jump_hosts
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, Together
from kubepeer.run import Run
from kubepeer.secret import Redactor, SecretSource
from kubepeer.settings import Settings
from kubepeer.way import SSH_PORT, way_to


def logins(intent: Intent, settings: Settings, redactor: Redactor) -> dict[str, Login]:
    """What the inventory's section access says of each host's login; a source that several hosts name is read once.

    Raises:
        InventoryError: a secret cannot be read.

    """
    read: dict[SecretSource, str] = {}
    found: dict[str, Login] = {}
    access = {host.name: host.access for host in intent.nodes} | {host.name: host.access for host in intent.routers}
    access |= {probe.name: probe.access for probe in intent.probes}
    for name, said in access.items():
        source = said.sudo_password
        if source is not None and source not in read:
            read[source] = redactor.learn(source.read(f"the sudo password of {name}", settings.folder))
        if source is not None or said.proxy_jump:
            found[name] = Login(said.proxy_jump, None if source is None else read[source])
    return found


def refuse_missing_key(_given: CommandLine, host: str, path: Path) -> None:
    """A key that is not there lets nobody in.

    Raises:
        InventoryError: with the runbook that makes one.

    """
    raise InventoryError(
        f"{host}: key_file: there is no file {path}. Nothing was contacted.",
        cure="python runbooks/bootstrap.py --make-key makes one and takes it to the nodes",
    )


def know_hosts(run: Run, _console: Console) -> None:
    """Learn the keys of new hosts, or insist on those that are known."""
    settings = run.settings
    if settings.host_keys == "accept-new":
        for targets in targets_in_order(run.nornir):
            learn_new_hosts(settings.known_hosts, targets)
    else:
        insist_on_known_hosts(settings)


def insist_on_known_hosts(settings: Settings) -> None:
    """Where host keys are strict, somebody has written them down.

    Raises:
        UsageError: nobody has.

    """
    if not settings.known_hosts.exists():
        raise UsageError(f"{settings.known_hosts}: not there, and host_keys is strict. Nothing was contacted.")


def as_given(given: CommandLine, _intent: Intent) -> CommandLine:
    """The hosts and groups that were named."""
    return given


def targets_in_order(nornir: Nornir, hosts: Callable[[Host], bool] = lambda _: True) -> Iterator[list[Target]]:
    """Whose keys are wanted: jump hosts first, each before those behind it; then the hosts themselves, all at once."""
    wanted = [(host, way_to(host), seconds(host)) for host in nornir.inventory.hosts.values() if hosts(host)]
    jumps: dict[int, Target] = {}
    for _, way, patience in wanted:
        for jump in jump_hosts(way):
            jumps.setdefault(id(jump), Target(jump.host, jump.port, jump.before, patience))
    yield from ([jump] for jump in jumps.values())
    yield [Target(str(host.hostname), host.port or SSH_PORT, way, patience) for host, way, patience in wanted]


def seconds(host: Host) -> float:
    """How long a host has for a TCP connection, and for what follows until it has shown its key."""
    extras = host.get_connection_parameters("netmiko").extras or {}
    return float(extras.get("conn_timeout", TIMEOUTS["conn_timeout"]))


@dataclass(frozen=True)
class Opening:
    """What a runbook does before its first phase.

    Attributes:
        arguments: adds those of its own to the command line.
        missing_key: what becomes of a key_file that is not there.
        meet: sees to the keys of the hosts, and to what else a person is asked.
        selection: the command line with the hosts that it means by another word than --host.
        probes: it asks the probing hosts; for all others they are not there.
        only_looks: whether a command line asks for no change: the run is a verification then.
        runner: runs its phases; another one than the usual where it is not from top to bottom, once.
        plans: what it would do can be written down as a plan, approved and applied.

    """

    arguments: Callable[[ArgumentParser], None] | None = None
    missing_key: Callable[[CommandLine, str, Path], None] = refuse_missing_key
    meet: Callable[[Run, Console], None] = know_hosts
    selection: Callable[[CommandLine, Intent], CommandLine] = as_given
    probes: bool = False
    only_looks: Callable[[CommandLine], bool] | None = None
    runner: Callable[[Run, Sequence[Phase | Together], Display], list[PhaseOutcome]] = run_phases
    plans: bool = False


USUAL = Opening(plans=True)
