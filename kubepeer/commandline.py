"""The command line that every runbook has: a contract, described in README.md."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal

from nornir.core import Nornir
from nornir.core.filter import F

from kubepeer.errors import UsageError

EXIT_CODES = """\
exit codes: 0 done and right · 1 a task or a check failed · 2 usage, invalid inventory, empty selection · 3 a host could not be reached ·
4 --dry-run --detailed-exitcode found changes · 130 Ctrl-C"""
DEFAULT_CONFIG = Path(__file__).resolve().parent.parent / "config.yaml"


@dataclass(frozen=True)
class CommandLine:
    """The arguments, as given.

    Attributes:
        max_failures: of so many hosts at most may fail before the run stops; None: the others always go on.
        plan_out: where the plan of a dry run is written; apply: the approved plan that is carried out.
        command: of a runbook that has several; else "".
        backup, replace: which backup of a router, and whether all of it is put back; see runbooks/rollback_routers.py.
        further: arguments that are one runbook's own, by name.

    """

    config: Path
    groups: tuple[str, ...]
    hosts: tuple[str, ...]
    dry_run: bool
    detailed_exitcode: bool
    workers: int | None
    output: Literal["table", "json"]
    junit: Path | None
    report: Path | None
    verbose: bool
    wait_seconds: float
    max_failures: int | None = None
    plan_out: Path | None = None
    apply: Path | None = None
    command: str = ""
    backup: str | None = None
    replace: bool = False
    further: Mapping[str, Any] = field(default_factory=dict)


def parse(
    name: str,
    description: str,
    arguments: Sequence[str] | None = None,
    *,
    commands: Sequence[str] = (),
    plans: bool = False,
    further: Callable[[argparse.ArgumentParser], None] | None = None,
) -> CommandLine:
    """Read the command line; argparse itself ends the process with 2 on a mistake, as the contract says.

    Args:
        name: the runbook's.
        description: for --help.
        arguments: instead of the process's own.
        plans: it changes hosts, and its plan can be written, approved and applied.
        commands: of a runbook on backups of routers: what can be done with one.
        further: adds the arguments that are the runbook's own.

    """
    parser = argparse.ArgumentParser(
        prog=name, description=description, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_selection(parser)
    add("--dry-run", action="store_true", help="observe and plan: print what would change, change nothing")
    add("--detailed-exitcode", action="store_true", help="with --dry-run: exit 4 when there is something to change")
    add(
        "--workers",
        type=_positive,
        metavar="N",
        help="hosts at the same time (default: num_workers of the configuration, or by the number of hosts and processors)",
    )
    add("--output", choices=("table", "json"), default="table", help="json: JSON alone on standard output")
    add("--junit", type=Path, metavar="FILE", help="write a JUnit report")
    add("--report", type=Path, metavar="FILE.html", help="write a report as one web page")
    add("--verbose", action="store_true", help="print the diff of every change, and where errors come from")
    add(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        dest="wait_seconds",
        help="verification: ask again what has not passed, for so long",
    )
    if plans:
        add(
            "--max-failures",
            type=_count,
            metavar="N",
            help="stop, and touch no host more, as soon as more hosts than this have failed (default: the others go on)",
        )
        approval = parser.add_mutually_exclusive_group()
        approval.add_argument(
            "--plan-out",
            type=Path,
            metavar="FILE",
            help="as --dry-run, and write the plan for --apply; runbooks/show_plan.py FILE prints it",
        )
        approval.add_argument(
            "--apply",
            type=Path,
            metavar="FILE",
            help="do what this plan says, on its hosts, or nothing at all where anything has moved since",
        )
    if commands:
        add("command", choices=commands)
        add(
            "backup",
            nargs="?",
            metavar="TIME",
            help="a backup as `list` names it, or the beginning; default: the newest",
        )
        add("--replace", action="store_true", help="apply: the whole configuration, foreign parts too, not ours alone")
    if further:
        further(parser)
    given = vars(parser.parse_args(arguments))
    given["dry_run"] = given["dry_run"] or given.get("plan_out") is not None
    own = {key: given.pop(key) for key in given.keys() - {field.name for field in fields(CommandLine)}}
    return CommandLine(**given | {"groups": tuple(given["groups"]), "hosts": tuple(given["hosts"]), "further": own})


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which inventory is meant, and which of its hosts."""
    add = parser.add_argument
    add(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="Nornir's configuration (default: config.yaml of the checkout)",
    )
    add(
        "-g",
        "--group",
        action="append",
        default=[],
        metavar="NAME",
        dest="groups",
        help="only hosts of this group or of a group in it; repeatable",
    )
    add(
        "-H",
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        dest="hosts",
        help="only this host; repeatable; added to the groups",
    )


def _count(text: str, least: int = 0) -> int:
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"at least {least}")
    return number


_positive = partial(_count, least=1)


def select(nornir: Nornir, groups: Sequence[str], hosts: Sequence[str]) -> frozenset[str]:
    """The names of the chosen hosts: everything when nothing is named; a group counts with all groups in it.

    Raises:
        UsageError: a name that there is not, or a group without hosts; says what there is.

    """
    inventory = nornir.inventory
    if not groups and not hosts:
        return frozenset(inventory.hosts)
    sizes = {group: len(nornir.filter(F(has_parent_group=group)).inventory.hosts) for group in inventory.groups}
    there_is = f"Groups: {', '.join(f'{group} ({size})' for group, size in sizes.items())}."
    chosen: set[str] = set()
    for group in groups:
        if not sizes.get(group):
            raise UsageError(f"No host matches --group {group}. {there_is}")
        chosen |= set(nornir.filter(F(has_parent_group=group)).inventory.hosts)
    for host in hosts:
        if host not in inventory.hosts:
            raise UsageError(f"No host matches --host {host}. Hosts: {', '.join(inventory.hosts)}.")
        chosen.add(host)
    return frozenset(chosen)
