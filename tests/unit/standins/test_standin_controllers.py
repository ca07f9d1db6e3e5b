"""calico-kube-controllers: what a node leaves behind, and when it goes."""

from typing import Any

import pytest
from calico_kube_controllers import leaks


def affinity(node: str, cidr: str) -> dict[str, Any]:
    return {"metadata": {"name": f"{node}-{cidr}"}, "spec": {"cidr": cidr, "node": node}}


def block(node: str, cidr: str, *users: str) -> dict[str, Any]:
    attributes = [{"handle_id": user, "secondary": {"node": user}} for user in users]
    spec = {
        "affinity": f"host:{node}",
        "cidr": cidr,
        "allocations": [*range(len(users)), None],
        "attributes": attributes,
    }
    return {"metadata": {"name": cidr}, "spec": spec | {"unallocated": [len(users)]}}


@pytest.mark.parametrize(
    ("text", "seconds"), [("15m0s", 900), ("90s", 90), ("1h30m", 5400), ("", 900), (None, 900), ("500ms", 0.5)]
)
def test_the_grace_period_is_read_from_its_configuration(text: str | None, seconds: float) -> None:
    assert leaks.grace({"metadata": {}, "spec": {"controllers": {"node": {"leakGracePeriod": text}}}}) == seconds
    assert leaks.grace(None) == 900


def test_a_node_is_gone_since_it_was_first_missed() -> None:
    seen = leaks.gone_since({}, {"a", "b"}, {"a"}, 100.0)
    assert seen == {"b": 100.0}
    assert leaks.gone_since(seen, {"a", "b"}, {"a"}, 550.0) == {"b": 100.0}
    assert leaks.gone_since(seen, {"a", "b"}, {"a", "b"}, 550.0) == {}, "it has joined again"


def test_holders_are_those_of_blocks_and_those_of_addresses() -> None:
    assert leaks.owners([affinity("a", "10.33.1.0/24")], [block("b", "10.33.2.0/24", "c")]) == {"a", "b", "c"}


def test_a_gone_nodes_block_goes_with_its_affinity_and_its_tunnel_address() -> None:
    found = leaks.cleaning([affinity("gone", "10.33.5.0/24")], [block("gone", "10.33.5.0/24", "gone")], {"gone"})
    assert [item["metadata"]["name"] for item in found.affinities] == ["gone-10.33.5.0/24"]
    assert [item["metadata"]["name"] for item in found.blocks] == ["10.33.5.0/24"]
    assert found.changed == []


def test_a_block_that_another_node_borrows_from_stays() -> None:
    blocks = [block("gone", "10.33.5.0/24", "gone", "stays")]
    found = leaks.cleaning([affinity("gone", "10.33.5.0/24")], blocks, {"gone"})
    assert (found.affinities, found.blocks) == ([], [])
    (after,) = found.changed
    assert after["spec"]["allocations"] == [None, 0, None]
    assert after["spec"]["attributes"] == [{"handle_id": "stays", "secondary": {"node": "stays"}}]
    assert after["spec"]["unallocated"] == [2, 0]


def test_an_address_that_a_gone_node_borrowed_is_freed() -> None:
    found = leaks.cleaning([], [block("stays", "10.33.6.0/24", "stays", "gone")], {"gone"})
    (after,) = found.changed
    assert after["spec"]["allocations"] == [0, None, None]


def test_nothing_is_taken_from_nodes_that_are_there() -> None:
    found = leaks.cleaning([affinity("a", "10.33.1.0/24")], [block("a", "10.33.1.0/24", "a")], set())
    assert found == leaks.Cleaning()
