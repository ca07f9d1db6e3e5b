"""What all tasks of one run share: intent, the selection, and what one phase learned that a later one needs."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from nornir.core import Nornir
from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError
from kubepeer.holder import Holder
from kubepeer.intent import Intent
from kubepeer.memory import Kept, KeptOfAll, Memory
from kubepeer.secret import Redactor, bgp_password
from kubepeer.settings import Settings

BGP_PASSWORD = Memory[str]("the BGP password")


@dataclass(frozen=True)
class Options:
    """The command line, as every task may know it.

    Attributes:
        max_failures: the run stops when more hosts than this have failed; None: never.
        command: of a runbook that has several; else "".
        backup: the backup of a router that is meant, or None for its newest.
        replace: a router's whole configuration, and not our part alone, is put back.
        further: arguments that are one runbook's own, by name.
        once: whatever is asked is asked once: it is a look at one moment, and nothing is waited for.
        as_json: standard output holds JSON alone.

    """

    dry_run: bool = False
    verbose: bool = False
    workers: int = 20
    wait_seconds: float = 0.0
    max_failures: int | None = None
    command: str = ""
    backup: str | None = None
    replace: bool = False
    further: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False
    as_json: bool = False


@dataclass
class Run:
    """One run of one runbook.

    Attributes:
        nornir: the whole inventory; a filter never narrows it.
        chosen: names of the hosts that may be changed (for a verification: that are judged).
        filtered: whether the command line narrowed the selection at all.
        warnings: what a person should know and the run goes on with: one line each, also in the JSON.
        changed: names of the hosts on which a phase that has ended made a change.
        json_lines: of --output json: whether standard output has one object a line, the document of the run as the last.

    """

    intent: Intent
    settings: Settings
    options: Options
    nornir: Nornir
    chosen: frozenset[str]
    filtered: bool = False
    redactor: Redactor = field(default_factory=Redactor)
    warnings: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    holder: Holder = field(default_factory=Holder.of_this_process)
    json_lines: bool = False
    guards: list[Callable[[str, str, Sequence[Change]], None]] = field(default_factory=list)
    _kept: dict[tuple[Memory[Any], Hashable], Any] = field(default_factory=dict)
    _making: dict[tuple[Memory[Any], Hashable], Lock] = field(default_factory=dict)
    _of_all: dict[Memory[Any], KeptOfAll[Any]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def once(self, place: Memory[Kept], make: Callable[[], Kept], *, of: Hashable = None) -> Kept:
        """Make a thing the first time it is asked for, and give the same one ever after; safe between threads.

        Who asks for the same thing waits; what is made may itself ask for others, and nobody else is held up meanwhile.
        """
        with self._lock:
            making = self._making.setdefault((place, of), Lock())
        with making:
            with self._lock:
                if (place, of) in self._kept:
                    kept: Kept = self._kept[place, of]
                    return kept
            made = make()
            self.keep(place, made, of=of)
            return made

    def warn(self, line: str) -> None:
        """Tell the person who runs it something that the run goes on with; the same line is told once."""
        with self._lock:
            if line not in self.warnings:
                self.warnings.append(line)

    def again(self, *, dry_run: bool) -> "Run":
        """The same run from its beginning: over the same connections, and with nothing remembered."""
        options = replace(self.options, dry_run=dry_run)
        self.nornir.data.reset_failed_hosts()
        return replace(self, options=options, changed=set(), _kept={}, _making={}, _of_all={}, _lock=Lock())

    def for_seconds(self, seconds: float) -> "Run":
        """The same run, which waits for what does not hold as long as this, and not as long as the command line says; 0: for nothing."""
        return replace(self, options=replace(self.options, wait_seconds=seconds, once=not seconds))

    def selecting(self, chosen: frozenset[str], *, filtered: bool) -> "Run":
        """The same run on other hosts than the command line chose."""
        return replace(self, chosen=chosen, filtered=filtered)

    def apart(self, chosen: frozenset[str]) -> "Run":
        """The same run on some of its hosts alone: it knows what is known now, and what it learns stays its own."""
        with self._lock:
            known = dict(self._kept)
        return replace(self, chosen=chosen, filtered=True, _kept=known, _making={}, _of_all={})

    def guard(self, title: str, host: str, changes: Sequence[Change]) -> None:
        """Ask every guard whether a phase may make these changes on a host.

        Raises:
            RefusedError: one says no.

        """
        for guard in self.guards:
            guard(title, host, changes)

    def bgp_password(self) -> str | None:
        """The password of the BGP sessions, read once and hidden from then on in all that is printed; None where the inventory names none.

        Raises:
            InventoryError: it cannot be read, or one of the two ends could not hold it.

        """
        source = self.intent.cluster.bgp.password
        if source is None:
            return None
        return self.once(BGP_PASSWORD, lambda: self.redactor.learn(bgp_password(source, self.settings.folder)))

    def keep(self, place: Memory[Kept], value: Kept, *, of: Hashable = None) -> None:
        """Remember a value for later phases: the one, or the one of a host."""
        with self._lock:
            self._kept[place, of] = value
            self._of_all.pop(place, None)

    def recall(self, place: Memory[Kept], *, of: Hashable = None) -> Kept | None:
        """What was kept there; None where nothing was."""
        with self._lock:
            return self._kept.get((place, of))

    def recall_all(self, place: Memory[Kept]) -> KeptOfAll[Kept]:
        """All that was kept there, of whatever; the same one as long as nothing is kept there anew."""
        with self._lock:
            if place not in self._of_all:
                values = {of: value for (kept_at, of), value in self._kept.items() if kept_at is place}
                self._of_all[place] = KeptOfAll(values)
            return self._of_all[place]


WAITING: ContextVar[Callable[[str], None] | None] = ContextVar(
    "who is told what the running task waits for", default=None
)


def waiting(reason: str) -> None:
    """Tell whoever watches what this task waits for; it may be said again and again, with what is left of the time."""
    tell = WAITING.get()
    if tell is not None:
        tell(reason)


def done(
    task: Task,
    changes: Sequence[Change] = (),
    summary: str = "",
    findings: Sequence[Finding] = (),
    *,
    failed: bool = False,
) -> Result:
    """The result of a task: what changed (in a dry run: what would), in words, and what was found.

    Args:
        task: the running task.
        changes: the plan that was applied or, in a dry run, printed.
        summary: a few words for the phase's line.
        findings: answers of checks.
        failed: a check failed although nothing broke.

    """
    return Result(
        host=task.host,
        changed=bool(changes),
        failed=failed,
        result=summary,
        changes=tuple(changes),
        findings=tuple(findings),
    )


def host_error(task: Task, error: KubepeerError) -> KubepeerError:
    """The same error with the task's host in it, where it named none."""
    if error.host is None:
        error.host = task.host.name
    return error
