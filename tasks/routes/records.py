"""What verify_routes.py writes and compares beside its table: a snapshot, what changed since one, metrics; and the manual of its checks."""

import argparse
import inspect
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from rich.console import Console

from kubepeer.commandline import CommandLine
from kubepeer.display import Display
from kubepeer.errors import KubepeerError, UsageError
from kubepeer.execution import run_phases
from kubepeer.intent import Intent
from kubepeer.intent.families import Network
from kubepeer.memory import Memory
from kubepeer.outcome import PhaseOutcome
from kubepeer.phases import Phase, Together
from kubepeer.run import Run
from kubepeer.whole_file import write_whole
from tasks.routes import from_inventory, metrics, snapshot, table, why
from tasks.routes.announcing import what_is_announced
from tasks.routes.checks import CHECKS
from tasks.routes.left import SEEN
from tasks.routes.tasks import routers_to_ask

CAUSES = "Causes. Of a failure the first one is told whose evidence is there"
TAKEN = Memory[tuple[snapshot.Snapshot, snapshot.Snapshot]]("the snapshot of before, and that of this run")


class _ListChecks(argparse.Action):
    """Print the manual and end, as --help does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it."""
        from tasks.routes.causes import catalogue  # noqa: PLC0415  few ask for it

        print("\n\n".join((*manual(), CAUSES, *catalogue.manual())))
        parser.exit()


def manual() -> Iterator[str]:
    """Each check's name, and what it passes and fails; a check that is made for several layers once."""
    for kind in dict.fromkeys(type(check) for check in (*CHECKS, *from_inventory.CHECKS)):
        yield f"{kind.__name__}\n  {inspect.cleandoc(kind.__doc__ or '').replace(chr(10), chr(10) + '  ').rstrip()}"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those that are this runbook's own."""
    parser.add_argument("--list-checks", action=_ListChecks, nargs=0, help="print what is checked, and end")
    parser.add_argument(
        "--why",
        type=_network,
        metavar="PREFIX",
        help="tell why a prefix, or an address, is expected, and how far each next hop has come on each router",
    )
    parser.add_argument(
        "--watch",
        type=_seconds,
        nargs="?",
        const=math.inf,
        metavar="SECONDS",
        help="ask the routers again and again and tell each change with its time, until Ctrl-C or for so long; "
        "the exit code is that of the last state",
    )
    parser.add_argument(
        "--intent",
        choices=(from_inventory.CLUSTER, from_inventory.INVENTORY),
        default=from_inventory.CLUSTER,
        help="where what should be comes from: the cluster's API, or the inventory alone, for when the API is down",
    )
    parser.add_argument("--snapshot", type=Path, metavar="FILE", help="write what was seen, to compare with later")
    parser.add_argument("--since", type=Path, metavar="FILE", help="show what is another than in this snapshot")
    parser.add_argument(
        "--metrics", type=Path, metavar="FILE", help="write metrics for the textfile collector of Prometheus"
    )


def _network(text: str) -> Network:
    try:
        network: Network = ip_network(text, strict=False)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no prefix and no address") from None
    return network


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0 seconds")
    return seconds


def run(this: Run, phases: Sequence[Phase | Together], display: Display) -> list[PhaseOutcome]:
    """The phases as they are; with --watch the routers, again and again."""
    seconds = this.options.further["watch"]
    if seconds is None:
        return run_phases(this, phases, display)
    from tasks.routes.watch import watch  # noqa: PLC0415  few runs watch

    return watch(this, display, seconds)


def with_snapshot(given: CommandLine, _intent: Intent) -> CommandLine:
    """The command line with the snapshot that it names, read: a mistake in it is told before anything is contacted."""
    if given.further["watch"] is not None and given.wait_seconds:
        raise UsageError("--wait and --watch: one of both. Nothing was contacted.")
    since = given.further["since"]
    if since is None:
        return given
    try:
        before = snapshot.read(str(since), since.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{since}: {getattr(error, 'strerror', None) or error}. Nothing was contacted.") from None
    return replace(given, further={**given.further, "since": before})


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """The table, and what was asked for beside it."""
    table.show(console, run, outcomes)
    if asked := run.options.further["why"]:
        _tell_why(console, run, asked)
    routers = {router.name for router in run.intent.routers}
    hosts = [(name, host) for outcome in outcomes for name, host in outcome.hosts.items() if name in routers]
    findings = [finding for _, host in hosts for finding in host.findings]
    unread = {name: str(host.error) for name, host in hosts if host.error is not None}
    further = run.options.further
    before = further["since"]
    if before or further["snapshot"]:
        seen = {name: had for name, _ in hosts if (had := run.recall(SEEN, of=name))}
        after = snapshot.take(findings, unread, datetime.now(UTC).isoformat(timespec="seconds"), seen)
    if before:
        run.keep(TAKEN, (before, after))
        lines = snapshot.changes(before, after)
        console.print(f" since {before.taken}: {'nothing has changed' if not lines else ''}".rstrip(), highlight=False)
        for line in lines:
            console.print(f"   {run.redactor.hide(line)}", markup=False, highlight=False, soft_wrap=True)
    if further["snapshot"]:
        write_whole(further["snapshot"], run.redactor.hide(after.text()))
    if further["metrics"]:
        every = [finding for outcome in outcomes for host in outcome.hosts.values() for finding in host.findings]
        write_whole(
            further["metrics"], run.redactor.hide(metrics.text(every, unread, routers_to_ask(run), time.time()))
        )


def _tell_why(console: Console, run: Run, asked: Network) -> None:
    """For each router that was asked; what the cluster announces once, where it is the same to all."""
    told: list[str] = []
    for name in routers_to_ask(run):
        seen = run.recall(SEEN, of=name)
        if seen is None:
            continue
        try:
            announced = what_is_announced(run, run.intent.router(name))
        except KubepeerError as error:
            console.print(f" why {asked}: {error}", markup=False, highlight=False, soft_wrap=True)
            return
        lines = list(why.object_lines(asked, announced))
        for line in [] if lines == told else lines:
            console.print(f" {run.redactor.hide(line)}", markup=False, highlight=False, soft_wrap=True)
        told = lines
        console.print(f" {name}", style="bold", markup=False, highlight=False)
        for line in why.router_lines(asked, announced, seen):
            console.print(f" {run.redactor.hide(line)}", markup=False, highlight=False, soft_wrap=True)


def tell(run: Run) -> dict[str, Any]:
    """The comparison for --output json."""
    taken = run.recall(TAKEN)
    return snapshot.as_json(*taken) if taken else {}
