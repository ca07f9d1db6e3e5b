"""What a person sees while a runbook runs: one line a phase; live on a terminal, plain lines otherwise."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from kubepeer.errors import KubepeerError
from kubepeer.folding import LINES, alike, all_named, as_they_are, folded, named
from kubepeer.outcome import NOTHING_CHOSEN, HostOutcome, PhaseOutcome
from kubepeer.secret import Redactor

TITLE_WIDTH = 23
HOSTS_WIDTH = 10
SUMMARY_WIDTH = 46
BESIDE_SUMMARY = 1 + TITLE_WIDTH + HOSTS_WIDTH + len(" 1234.5 s ┘")


@dataclass
class _Running:
    hosts: Sequence[str]
    finished: set[str] = field(default_factory=set)
    waits: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)


class Display:
    """The watcher of a run: shows the phases at work, and leaves one line for each that has ended."""

    def __init__(self, console: Console, redactor: Redactor) -> None:
        self.console = console
        self._redactor = redactor
        self._running: dict[str, _Running] = {}
        self.below: Callable[[], Sequence[Text]] = (
            tuple  # lines of somebody else's below the phases, where they are live
        )
        self._lock = threading.Lock()
        self._live = (
            Live(console=console, refresh_per_second=8, transient=True, get_renderable=self._at_work)
            if console.is_terminal
            else None
        )
        self._open_bracket = False

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def started(self, title: str, hosts: Sequence[str]) -> None:
        """A phase begins."""
        with self._lock:
            self._running[title] = _Running(hosts)

    def host_finished(self, title: str, host: str) -> None:
        """One host is through."""
        with self._lock:
            if title in self._running:
                self._running[title].finished.add(host)

    def waiting(self, title: str, host: str, reason: str) -> None:
        """What a host waits for: live beside the clock; where nothing is live, a line when it begins."""
        with self._lock:
            running = self._running.get(title)
            new = running is not None and host not in running.waits
            if running:
                running.waits[host] = reason
            told = len(running.waits) if running else 0
        if new and not self._live and told <= LINES + 1:
            line = f"   {host}: {self._redactor.hide(reason)}" if told <= LINES else "   and other hosts wait, too"
            self.console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)

    def say(self, line: str, style: str = "") -> None:
        """A line that stays."""
        self.console.print(self._redactor.hide(line), style=style, markup=False, highlight=False, soft_wrap=True)

    def finished(self, outcome: PhaseOutcome) -> None:
        """A phase has ended: its line, and a line for each error."""
        with self._lock:
            self._running.pop(outcome.title, None)
            bracket = ""
            if outcome.together:
                bracket = "┘" if self._open_bracket else "┐"
                self._open_bracket = not self._open_bracket
        if outcome.skipped_because == NOTHING_CHOSEN:
            return
        self.console.print(phase_line(outcome, bracket, self.console.width), soft_wrap=True)
        for line in error_lines(outcome):
            self.console.print(self._redactor.hide(line), style="red", markup=False, highlight=False, soft_wrap=True)

    def _at_work(self) -> Group:
        with self._lock:
            rows: list[Spinner | Text] = []
            for title, running in self._running.items():
                count = f"{len(running.finished)}/{len(running.hosts)}"
                waiting = [host for host in running.hosts if host not in running.finished]
                rest = f"{waiting[0]}" if len(waiting) == 1 else ""
                width = _summary_width(self.console.width)
                text = f"{title:<{TITLE_WIDTH}}{count:<{HOSTS_WIDTH}}{rest[:width]:<{width}}{time.monotonic() - running.began:5.0f} s"
                rows.append(Spinner("dots", text=Text(text)))
                waits = [f"   {host}: {running.waits[host]}" for host in waiting if host in running.waits]
                more = [f"   and {len(waits) - LINES} hosts more"] if len(waits) > LINES else []
                rows += [
                    Text(self._redactor.hide(line), "dim", no_wrap=True, overflow="ellipsis")
                    for line in (*waits[:LINES], *more)
                ]
        return Group(*rows, *self.below())


def _summary_width(width: int) -> int:
    return min(SUMMARY_WIDTH, max(0, width - BESIDE_SUMMARY))


def phase_line(outcome: PhaseOutcome, bracket: str = "", width: int = BESIDE_SUMMARY + SUMMARY_WIDTH) -> Text:
    """The line that stays: title, hosts, what came of it, time; where a terminal is narrow, what came of it has a line of its own.

    Args:
        outcome: of the phase.
        bracket: what it stands together with.
        width: of the terminal, in columns.

    """
    if outcome.skipped_because:
        return Text(f" {outcome.title:<{TITLE_WIDTH}}skipped: {outcome.skipped_because}", style="dim")
    failed = [name for name, host in outcome.hosts.items() if host.failed]
    took_part = [name for name, host in outcome.hosts.items() if not host.skipped]
    hosts = f"{len(took_part)} host{'s' if len(took_part) != 1 else ''}"
    summary = summarize(list(outcome.hosts.values()))
    room = _summary_width(width)
    below = f"\n   {summary}" if room < SUMMARY_WIDTH and len(summary) >= room else ""
    beside = "" if below else summary
    line = f" {outcome.title:<{TITLE_WIDTH}}{hosts:<{HOSTS_WIDTH}}{beside:<{room}}{outcome.seconds:6.1f} s {bracket}"
    return Text(line.rstrip() + below, style="red" if failed else "")


def summarize(hosts: Sequence[HostOutcome]) -> str:
    """A few words for what a phase did."""
    words = []
    failed = sum(host.failed for host in hosts)
    if failed:
        words.append(f"{failed} failed")
    told = [host for host in hosts if not host.skipped and (host.changes or not host.failed)]
    said = {host.summary for host in hosts if host.summary}
    counts = {len(host.changes) for host in told}
    if counts and counts != {0}:
        low, high = min(counts), max(counts)
        plural = "" if high == 1 else "s"
        each = " each" if len(told) > 1 and low == high else ""
        words.append(f"{low}-{high} changes" if low != high else f"{high} change{plural}{each}")
    if len(said) == 1:
        words.append(said.pop())
    return " · ".join(words)


def error_lines(outcome: PhaseOutcome) -> list[str]:
    """One line for each host that failed with an error, of many that are alike a few; never a traceback."""
    lines: list[str] = []
    for name, host in outcome.hosts.items():
        error = host.error
        if error is None:
            continue
        if isinstance(error, KubepeerError):
            said = " ".join(str(error).split())
            lines.append(f"   {said}" if error.host else f"   {name}: {said}")
        else:
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            lines.append(f"   {name}: {said} (a fault of Kubepeer: run with --verbose and report it)")
    return folded(list(dict.fromkeys(lines)))


def print_warnings(console: Console, redactor: Redactor, warnings: Sequence[str], *, whole: bool = False) -> None:
    """One line for each; of many that are alike a few, or all of them."""
    lines = [f" Warning: {line}" for line in warnings]
    for line in lines if whole else folded(lines):
        console.print(redactor.hide(line), style="yellow", markup=False, highlight=False, soft_wrap=True)


def print_changes(
    console: Console,
    redactor: Redactor,
    outcomes: Sequence[PhaseOutcome],
    own_words: Mapping[str, Sequence[str]] | None = None,
    *,
    whole: bool = False,
) -> None:
    """All changes as diffs; what is the same on several hosts is printed once, with their names.

    Args:
        console: where.
        redactor: hides secrets.
        outcomes: of the phases.
        own_words: host -> its own names and addresses: what differs in these alone is the same on many hosts.
        whole: every change is shown with the names of all its hosts, however many: of a plan that somebody is to approve.

    """
    for outcome in outcomes:
        together = as_they_are(outcome) if whole else alike(outcome, own_words)
        if together:
            console.print(f"\n{outcome.title}", style="bold")
        took_part = [name for name, host in outcome.hosts.items() if not host.skipped]
        for one in together:
            where = all_named(one.hosts) if whole else named(one.hosts, took_part)
            own = f"; each its own: here that of {one.hosts[0]}" if one.own else ""
            text = Text(f" {one.change.what}  ({where}{own})")
            for line in redactor.hide(one.change.diff).splitlines():
                style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
                text.append("\n").append(f"   {line}", style)
            if one.differing:
                text.append(
                    f"\n {one.change.what}  ({named(one.differing, took_part)}: others; --output json has them)"
                )
            console.print(text, soft_wrap=True)


def print_differences(console: Console, differences: Mapping[str, Sequence[str]]) -> None:
    """What has moved since a plan was made, host by host; of no host first."""
    for host in sorted(differences):
        console.print(f"\n{host or 'Inventory'}", style="bold", markup=False, highlight=False)
        for text in differences[host]:
            for line in text.splitlines():
                style = "green" if line.startswith("+") else "red" if line.startswith("-") else ""
                console.print(Text(f"   {line}", style=style), soft_wrap=True)
