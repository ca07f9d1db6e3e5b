"""A node is found by its name, and its neighbours by its place in the inventory."""

from typing import Any

import pytest

NAMES = [f"k8s-calico-{role}-10-31-90-{number}" for number, role in enumerate(["master"] * 3 + ["worker"] * 3, start=1)]


@pytest.mark.parametrize(
    ("place", "count", "places"),
    [(0, 3, [1, 2, 3]), (4, 3, [5, 0, 1]), (5, 9, [0, 1, 2, 3, 4]), (2, 0, [])],
)
def test_the_nodes_that_follow_are_those_of_a_ring(intent_of: Any, place: int, count: int, places: list[int]) -> None:
    found = [node.name for node in intent_of().following(NAMES[place], count)]
    assert found == [NAMES[number] for number in places]


def test_a_node_alone_is_followed_by_nobody(intent_of: Any) -> None:
    intent = intent_of()
    alone = intent.model_copy(update={"nodes": intent.nodes[:1]})
    assert list(alone.following(NAMES[0], 3)) == []


def test_a_copy_with_other_nodes_finds_its_own(intent_of: Any) -> None:
    intent = intent_of()
    assert intent.node(NAMES[4]).name == NAMES[4]
    moved = intent.nodes[4].model_copy(update={"rack": "elsewhere"})
    other = intent.model_copy(update={"nodes": (moved, *intent.nodes[:2])})
    assert other.node(NAMES[4]) is moved
    assert other.node(NAMES[1]) is intent.nodes[1]
    assert intent.node(NAMES[4]) is intent.nodes[4]
    with pytest.raises(KeyError):
        other.node(NAMES[5])


def test_looking_for_a_node_changes_no_intent(intent_of: Any) -> None:
    one, other = intent_of(), intent_of()
    one.node(NAMES[0])
    assert one == other
    assert repr(one) == repr(other)
    assert one.model_dump() == other.model_dump()
