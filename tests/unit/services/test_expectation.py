"""Which source address each cell must see, and how connections are counted by node."""

from typing import Any

import pytest

from tasks.services.expectation import entered_by, expected, least_allowed
from tests.unit.services.parts import ADDRESSES, SERVICES, TARGETS, source, workload


@pytest.mark.cases("expected")
def test_the_server_sees(case: dict[str, Any]) -> None:
    changes: dict[str, Any] = {"excluded": frozenset(case.get("excluded", ()))}
    if "endpoints" in case:
        changes["endpoints"] = dict.fromkeys(SERVICES, frozenset(case["endpoints"]))
    found = workload(**changes)
    seen = {name: sorted(expected(source(case["from"]), TARGETS[name], found, ADDRESSES)) for name in case["sees"]}
    assert seen == case["sees"]


def test_a_connection_is_counted_for_the_node_that_has_the_address_whichever_it_is() -> None:
    nodes = {name: ADDRESSES[name] for name in ("master-1", "worker-4", "worker-5")}
    seen = {"10.31.90.0": 3, "10.31.90.1": 4, "10.33.26.1": 5, "10.32.0.10": 9}
    assert entered_by(seen, nodes) == {"master-1": 7, "worker-4": 5, "worker-5": 0}


@pytest.mark.parametrize(
    ("connections", "nodes", "least"),
    [(1000, 6, 83), (300, 6, 22), (120, 6, 2), (60, 6, 0), (6, 6, 0), (0, 6, 0), (1000, 0, 0), (1000, 1, 500)],
)
def test_the_least_is_half_the_even_share_or_what_chance_leaves_of_few(
    connections: int, nodes: int, least: int
) -> None:
    assert max(0, least_allowed(connections, nodes)) == least
