"""The topology as a picture: where each router, rack and node stands, and the sessions between them by their state. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubepeer.page.drawing import Box, Frame, Link, Picture, State

WIDTH = 1200.0
GAP = 12.0
ROUTER = (200.0, 50.0)
NAMED_NODE, SMALL_NODE = (152.0, 42.0), (16.0, 16.0)
NAMED_NODES = 60  # with more nodes each is a square, and healthy sessions are drawn together
LINKS = 40  # that are wrong and drawn one by one beside those that are drawn together
RACKS_ABREAST = 4
TO_RACKS = 110.0  # between routers and racks: room for links
HEAD = 22.0  # of a rack, for its name
WORST: Mapping[State, int] = {"wrong": 0, "unknown": 1, "right": 2}


@dataclass(frozen=True)
class DrawnRouter:
    """A router as the picture has it."""

    name: str
    says: str
    state: State


@dataclass(frozen=True)
class DrawnNode:
    """A node as the picture has it; `sessions`: router -> state and what is said of it."""

    name: str
    address: str
    rack: str
    says: str
    state: State
    sessions: Mapping[str, tuple[State, str]]


def picture(routers: Sequence[DrawnRouter], nodes: Sequence[DrawnNode]) -> Picture:
    """Lay a topology out: routers in a row, racks below, nodes in rows within them."""
    small = len(nodes) > NAMED_NODES
    above = {router.name: box for router, box in zip(routers, _routers(routers), strict=True)}
    cut = _common(node.name for node in nodes)
    frames: list[Frame] = []
    boxes: dict[str, Box] = {}
    by_rack: dict[str, list[DrawnNode]] = {}
    for node in nodes:
        by_rack.setdefault(node.rack, []).append(node)
    abreast = max(1, min(RACKS_ABREAST, len(by_rack)))
    width = (WIDTH - GAP * (abreast - 1)) / abreast
    top = ROUTER[1] + TO_RACKS
    groups = list(by_rack.items())
    for first in range(0, len(groups), abreast):
        tallest = 0.0
        for place, (name, members) in enumerate(groups[first : first + abreast]):
            frame, inside = _rack(name, members, place * (width + GAP), top, width, small=small, cut=cut)
            frames.append(frame)
            boxes |= inside
            tallest = max(tallest, frame.height)
        top += tallest + GAP
    links = _links(nodes, above, boxes, frames, small=small)
    return Picture(WIDTH, top, tuple(above.values()), tuple(frames), tuple(boxes.values()), tuple(links))


def _routers(routers: Sequence[DrawnRouter]) -> Iterable[Box]:
    step = WIDTH / max(1, len(routers))
    wide = min(ROUTER[0], step - GAP / 2)
    for place, router in enumerate(routers):
        x = round(step * (place + 0.5) - wide / 2, 1)
        yield Box(
            router.name, x, 1, wide, ROUTER[1], (router.name, router.says.partition(" · ")[0]), router.state,
            f"router {router.name}: {router.says}", "router", router.name,
        )  # fmt: skip


def _rack(
    name: str, members: Sequence[DrawnNode], x: float, y: float, width: float, *, small: bool, cut: int
) -> tuple[Frame, dict[str, Box]]:
    wide, high = SMALL_NODE if small else NAMED_NODE
    gap = GAP / 3 if small else GAP
    in_a_row = max(1, int((width - 2 * GAP + gap) // (wide + gap)))
    used = min(in_a_row, len(members)) * (wide + gap) - gap
    left = x + (width - used) / 2
    boxes = {}
    for place, node in enumerate(members):
        down, along = divmod(place, in_a_row)
        boxes[node.name] = Box(
            node.name, round(left + along * (wide + gap), 1), round(y + HEAD + down * (high + gap), 1), wide, high,
            () if small else (node.address, node.name[cut:]), node.state, node.says, "node",
        )  # fmt: skip
    rows = -(-len(members) // in_a_row)
    return Frame(name, x, y, round(width, 1), round(HEAD + rows * (high + gap) - gap + GAP, 1)), boxes


def _links(
    nodes: Sequence[DrawnNode],
    above: Mapping[str, Box],
    boxes: Mapping[str, Box],
    frames: Sequence[Frame],
    *,
    small: bool,
) -> list[Link]:
    """Sessions one by one; of many nodes one line for all of a router and a rack, and beside it those that are wrong, if they are few."""
    quiet: list[Link] = []
    wrong: list[Link] = []
    counts: dict[tuple[str, str], list[int]] = {}
    for node in nodes:
        for router, (state, said) in node.sessions.items():
            if router not in above:
                continue
            link = _link(above[router], boxes[node.name], state, f"{router} to {node.name}: {said}")
            (wrong if state == "wrong" else quiet).append(link)
            count = counts.setdefault((router, node.rack), [0, 0])
            count[0] += state == "right"
            count[1] += 1
    if not small:
        return [*quiet, *wrong]
    alone = wrong if len(wrong) <= LINKS else []
    by_name = {frame.name: frame for frame in frames}
    together = []
    for (router, rack), (up, every) in counts.items():
        left: State = "unknown" if alone or not wrong else "wrong"
        state = "right" if up == every or (up and alone) else left
        said = f"{up} of {every}"
        frame = by_name[rack]
        together.append(_link(above[router], frame, state, f"{router} to {rack}: {said} sessions established", said))
    return [*together, *alone]


def _link(router: Box, to: Box | Frame, state: State, says: str, label: str = "") -> Link:
    return Link(
        router.name, router.middle, router.y + router.height, to.x + to.width / 2, to.y, state, says, label
    )  # fmt: skip


def _common(names: Iterable[str]) -> int:
    """How many signs at the begin of all names say nothing: up to the last hyphen that all share."""
    every = [name.split("-") for name in names]
    alike = 0
    for parts in zip(*every, strict=False):
        if len({*parts}) > 1:
            break
        alike += len(parts[0]) + 1
    return alike if len(every) > 1 else 0
