"""Where routers, racks and nodes stand, and which sessions are drawn."""

from itertools import combinations

import pytest

from kubepeer.page.drawing import Box, Frame, State
from tasks.routes.picture import LINKS, NAMED_NODES, WIDTH, DrawnNode, DrawnRouter, picture

ROUTERS = [DrawnRouter("r1", "AS 1 · fine", "right"), DrawnRouter("r2", "AS 2 · fine", "right")]


def nodes(count: int, racks: int = 1, lost: int = 0) -> list[DrawnNode]:
    def session(number: int) -> tuple[State, str]:
        return ("wrong", "Active") if number < lost else ("right", "Established")

    return [
        DrawnNode(
            f"site-node-{number}", f"10.1.{number // 200}.{number % 200}", f"rack {number % racks}", "says", session(number)[0],
            {"r1": session(number), "r2": ("right", "Established")},
        )
        for number in range(count)
    ]  # fmt: skip


def apart(one: Box | Frame, other: Box | Frame) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@pytest.mark.parametrize(("count", "racks"), [(1, 1), (6, 1), (7, 2), (60, 5), (61, 1), (1000, 1), (1000, 25)])
def test_every_node_is_drawn_once_within_its_rack_and_upon_no_other(count: int, racks: int) -> None:
    drawn = picture(ROUTERS, nodes(count, racks))
    assert sorted(box.name for box in drawn.nodes) == sorted(node.name for node in nodes(count, racks))
    assert len(drawn.racks) == min(count, racks)
    frames = {frame.name: frame for frame in drawn.racks}
    racked = {node.name: frames[node.rack] for node in nodes(count, racks)}
    for box in (*drawn.nodes, *drawn.routers):
        assert 0 <= box.x <= box.x + box.width <= WIDTH
        assert 0 <= box.y <= box.y + box.height <= drawn.height
    for box in drawn.nodes:
        frame = racked[box.name]
        assert frame.x <= box.x <= box.x + box.width <= frame.x + frame.width
        assert frame.y <= box.y <= box.y + box.height <= frame.y + frame.height
    assert all(apart(one, other) for one, other in combinations(drawn.racks, 2))
    assert all(apart(one, other) for one, other in combinations(drawn.nodes[:200], 2))
    assert all(apart(one, other) for one in drawn.routers for other in drawn.racks)


def test_names_are_told_without_what_all_begin_with() -> None:
    assert [box.lines for box in picture(ROUTERS, nodes(2)).nodes] == [("10.1.0.0", "0"), ("10.1.0.1", "1")]
    assert picture(ROUTERS, nodes(1)).nodes[0].lines == ("10.1.0.0", "site-node-0")


def test_of_few_nodes_every_session_is_drawn() -> None:
    drawn = picture(ROUTERS, nodes(NAMED_NODES, lost=NAMED_NODES))
    assert len(drawn.links) == 2 * NAMED_NODES
    assert sum(link.state == "wrong" for link in drawn.links) == NAMED_NODES


def test_of_many_nodes_a_line_for_each_rack_and_the_lost_ones() -> None:
    drawn = picture(ROUTERS, nodes(1000, 2, lost=3))
    together = [(link.router, link.label, link.state) for link in drawn.links if link.label]
    assert together == [
        ("r1", "498 of 500", "right"), ("r2", "500 of 500", "right"), ("r1", "499 of 500", "right"), ("r2", "500 of 500", "right"),
    ]  # fmt: skip
    assert [(link.router, link.says) for link in drawn.links if link.state == "wrong"] == [
        ("r1", f"r1 to site-node-{number}: Active") for number in range(3)
    ]


def test_too_many_lost_ones_are_told_by_the_line_of_their_rack() -> None:
    drawn = picture(ROUTERS, nodes(1000, 1, lost=LINKS + 1))
    assert [(link.router, link.label, link.state) for link in drawn.links] == [
        ("r1", f"{999 - LINKS} of 1000", "wrong"), ("r2", "1000 of 1000", "right"),
    ]  # fmt: skip


def test_a_router_that_is_not_drawn_has_no_link() -> None:
    assert {link.router for link in picture(ROUTERS[:1], nodes(2)).links} == {"r1"}
