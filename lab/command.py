"""The command line: python -m lab COMMAND."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lab import access, lifecycle, machines, requirements, status
from lab.build import containerd_package, metallb, next_minor, promtool
from lab.build.besides import ASKED_FOR, STANDS_ALONE
from lab.build.builder import build
from lab.errors import LabError, Unsupported
from lab.places import Instance, instance
from lab.progress import Progress
from lab.topology import MACHINES, STANDARD, Machine, machine

PLAIN_WIDTH = 120
DONE, FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="The cluster of the inventory on one machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser(
        "up", help="build what is missing and start machines (without a name: all but the optional ones)"
    )
    up.add_argument("machines", nargs="*", metavar="MACHINE")
    commands.add_parser("down", help="shut all machines down and leave nothing behind")
    commands.add_parser("status", help="list the machines; exit 1 unless all are up and answer")
    commands.add_parser("reset", help="bare machines again: disks thrown away, host keys kept")
    commands.add_parser("build", help="check every byte that is built, build what is missing, start nothing")
    package = commands.add_parser("package", help="build what no machine begins with, and print where it lies")
    package.add_argument("package", choices=list(ASKED_FOR))
    commands.add_parser("requirements", help="print the Debian packages that the host needs, one a line")
    for name, text in (("ssh", "log in"), ("exec", "run a command inside, without the network: NAME -- COMMAND"),
                       ("cut", "power cut: switch port down, then SIGKILL")):  # fmt: skip
        one = commands.add_parser(name, help=text)
        one.add_argument("machine", metavar="NAME")
        if name != "cut":
            one.add_argument("words", nargs=argparse.REMAINDER, metavar="[--] COMMAND")
    return parser


def _machine(name: str) -> Machine:
    found = machine(name)
    if found is None:
        raise Unsupported(f"no machine {name}: there are {', '.join(one.name for one in MACHINES)}")
    return found


def _package(lab: Instance, name: str) -> list[Path]:
    """What a package was made for: containerd's deb, Kubernetes' repositories, MetalLB's manifest, which names its images; a program."""
    if name == containerd_package.PACKAGE.name:
        return sorted(containerd_package.containerd_package(lab.cache).glob("*.deb"))
    if name == next_minor.NAME:
        return list(next_minor.served(lab.cache))
    if name == promtool.NAME:
        return [promtool.program(lab.cache)]
    return [metallb.served(lab.cache) / metallb.MANIFEST]


def _words(given: Sequence[str]) -> list[str]:
    return list(given[1:] if given[:1] == ["--"] else given)


def _command(given: Sequence[str]) -> list[str]:
    words = _words(given)
    if not words:
        raise Unsupported("exec wants a command: python -m lab exec NAME -- COMMAND")
    return words


def _log_in(lab: Instance, wanted: Machine, words: Sequence[str]) -> None:
    machines.first_process(lab, wanted)
    command = access.ssh_command(lab, wanted, words)
    os.execvp(command[0], command)  # noqa: S606


def _perform(arguments: argparse.Namespace, lab: Instance, console: Console) -> int:
    progress = Progress(console)
    match arguments.command:
        case "up":
            lifecycle.up(lab, [_machine(name) for name in arguments.machines] or STANDARD, progress)
        case "down":
            lifecycle.down(lab, progress)
        case "reset":
            lifecycle.reset(lab, progress)
        case "build":
            build(lab.cache, progress, thoroughly=True)
        case "package":
            roles = () if arguments.package in STANDS_ALONE else None
            build(lab.cache, progress, roles, besides=[arguments.package])
            print(*_package(lab, arguments.package))
        case "status":
            return DONE if status.show(lab, console) else FAILED
        case "cut":
            lifecycle.cut(lab, _machine(arguments.machine))
        case "ssh":
            _log_in(lab, _machine(arguments.machine), _words(arguments.words))
        case "exec":
            return lifecycle.execute(lab, _machine(arguments.machine), _command(arguments.words))
    return DONE


def main(given: Sequence[str] | None = None) -> int:
    """Run one command; errors are one line each."""
    arguments = _parser().parse_args(given)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    if arguments.command == "requirements":
        print("\n".join(requirements.packages()))
        return DONE
    try:
        lab = instance()
        requirements.check()
        return _perform(arguments, lab, console)
    except Unsupported as error:
        print(error, file=sys.stderr)
        return UNUSABLE
    except LabError as error:
        print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return INTERRUPTED
