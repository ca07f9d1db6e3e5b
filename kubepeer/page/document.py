"""What a report says, before anything of how it looks: what the template of the web page gets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

OPEN_CAUSES = 6  # more are folded: the picture is to stay near
State = Literal["right", "wrong", "unknown"]
Glyph = Literal["✓", "✗", "+", "~", "·", "-"]
MEANING: Mapping[Glyph, str] = {
    "✓": "as expected",
    "✗": "missing",
    "+": "unexpected",
    "~": "there, and wrong all the same: the reason beside it says why",
    "·": "not expected, not there",
    "-": "this layer was not read",
}


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
        host: who was asked.
        what: is wrong: a session, a prefix, a phase.
        reason: why, in one line.
        missing: next hops, with the names of their nodes; unexpected: the same.
        symptoms: the first of what follows from it; unlisted: how many more there are.
        weight: how much follows from it; the heaviest cause is shown first.
        cure: what to do; "" where the evidence names none.

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


@dataclass(frozen=True)
class Box:
    """A router or a node in the picture; `says` is told in words to whoever points at it or reads it aloud."""

    name: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    state: State
    says: str
    kind: Literal["router", "node"]
    router: str = ""

    @property
    def middle(self) -> float:
        """Where its text is centred."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Frame:
    """A rack in the picture, around its nodes."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Link:
    """A session, or all healthy ones between a router and a rack together."""

    router: str
    x1: float
    y1: float
    x2: float
    y2: float
    state: State
    says: str
    label: str = ""

    @property
    def middle(self) -> tuple[float, float]:
        """Where its sign stands: nearer to the router, where fewer links cross."""
        return round(self.x1 + 0.4 * (self.x2 - self.x1), 1), round(self.y1 + 0.4 * (self.y2 - self.y1), 1)


@dataclass(frozen=True)
class Picture:
    """The topology: routers above, racks with their nodes below, sessions between them."""

    width: float
    height: float
    routers: tuple[Box, ...]
    racks: tuple[Frame, ...]
    nodes: tuple[Box, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Mark:
    """What one layer has of one next hop."""

    layer: str
    glyph: Glyph


@dataclass(frozen=True)
class Cell:
    """A prefix and a next hop."""

    state: State
    marks: tuple[Mark, ...]
    says: str


@dataclass(frozen=True)
class Row:
    """A prefix of the matrix; `others` counts the next hops that have no column and are right."""

    prefix: str
    state: State
    cells: tuple[Cell, ...]
    others: str = ""
    shares: tuple[float, ...] = ()
    share_text: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Group:
    """Many prefixes in a few words, with a line for each behind them."""

    title: str
    text: str
    state: State = "right"


@dataclass(frozen=True)
class Matrix:
    """One router: its sessions in words, and prefix by next hop in all layers."""

    router: str
    title: str
    state: State
    columns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    wrong: tuple[Row, ...] = ()
    right: tuple[Row, ...] = ()
    groups: tuple[Group, ...] = ()
    remarks: tuple[str, ...] = ()
    others: bool = False  # whether there are next hops without a column


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
        return sorted({*(one.router for one in self.matrices), *(cause.host for cause in self.causes)})


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


def listed(items: Sequence[str], most: int) -> str:
    """The first few of many, and how many more there are."""
    rest = len(items) - most
    return ", ".join(items) if rest <= 0 else f"{', '.join(items[:most])} and {rest} more"
