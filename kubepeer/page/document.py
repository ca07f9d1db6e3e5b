"""What a report says, before anything of how it looks: what the template of the web page gets. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from kubepeer.page.drawing import Matrix, Picture, State

OPEN_CAUSES = 6  # more are folded: the picture is to stay near


@dataclass(frozen=True)
class Symptom:
    """What a cause has done: a prefix, what differs there, and in which layers."""

    subject: str
    differs: str
    where: str


@dataclass(frozen=True)
class Cause:
    """One thing that is wrong, with what follows from it.

    Attributes:
        host: who was asked, as it is shown; hosts: each of them, where there are several.
        what: is wrong: a session, a prefix, a phase.
        reason: why, in one line.
        missing: next hops, with the names of their nodes; unexpected: the same.
        symptoms: the first of what follows from it; unlisted: how many more there are.
        weight: how much follows from it; the heaviest cause is shown first.
        cure: what to do; "" where the evidence names none.
        name: of the cause that is proved; "" where none is.
        evidence: what proves it, a line each: who was asked what, and what was answered.

    """

    host: str
    what: str
    reason: str
    missing: str = ""
    unexpected: str = ""
    symptoms: tuple[Symptom, ...] = ()
    unlisted: int = 0
    weight: int = 1
    cure: str = ""
    hosts: tuple[str, ...] = ()
    name: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Every host that this is a cause of."""
        return self.hosts or (self.host,)


@dataclass(frozen=True)
class Bar:
    """A phase on the time line, in per cent of the run."""

    title: str
    left: float
    width: float
    seconds: float
    hosts: str
    summary: str
    state: State
    skipped: str = ""


@dataclass(frozen=True)
class HostLine:
    """What a run did on one host."""

    name: str
    state: Literal["failed", "changed", "done", "left out"]
    changes: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class DiffLine:
    """A line of a diff: added, taken away, or neither."""

    kind: Literal["added", "removed", ""]
    text: str


@dataclass(frozen=True)
class Diff:
    """A change, with the hosts that it is the same for."""

    phase: str
    what: str
    hosts: str
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class Page:
    """The whole report."""

    runbook: str
    cluster: str
    made: str
    seconds: float
    ok: bool
    headline: str
    causes: tuple[Cause, ...] = ()
    picture: Picture | None = None
    matrices: tuple[Matrix, ...] = ()
    notes: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = ()
    hosts: tuple[HostLine, ...] = ()
    diffs: tuple[Diff, ...] = ()
    warnings: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def first_causes(self) -> tuple[Cause, ...]:
        """Those that nobody has to open anything for."""
        return self.causes[:OPEN_CAUSES]

    @property
    def further_causes(self) -> tuple[Cause, ...]:
        """The others."""
        return self.causes[OPEN_CAUSES:]

    @property
    def busy_hosts(self) -> list[HostLine]:
        """Those that a person wants to see: failed, changed."""
        return [host for host in self.hosts if host.state in ("failed", "changed")]

    @property
    def quiet_hosts(self) -> list[HostLine]:
        """The others."""
        return [host for host in self.hosts if host.state not in ("failed", "changed")]

    @property
    def filtered(self) -> list[str]:
        """Who can be chosen alone: routers, and whoever has a cause."""
        return sorted(
            {*(one.router for one in self.matrices), *(host for cause in self.causes for host in cause.asked)}
        )


@dataclass(frozen=True)
class Routes:
    """What a verification of routes adds to the page.

    Attributes:
        explained: names of the checks whose findings are told here; the others are told as they are.

    """

    causes: tuple[Cause, ...] = ()
    picture: Picture | None = None
    matrices: tuple[Matrix, ...] = ()
    notes: tuple[str, ...] = ()
    explained: frozenset[str] = field(default_factory=frozenset)
