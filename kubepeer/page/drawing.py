"""What is drawn of routes: the topology as a picture, and prefix by next hop as a matrix. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
