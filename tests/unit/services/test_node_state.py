"""What a node says of itself when cells are red."""

from typing import Any

import pytest

from tasks.linux.observe import Answer
from tasks.services.matrix import Target
from tasks.services.node_state import NodeState, node_state, questions

HOMES = {"10.33.26.2": "10.31.90.4", "10.33.12.2": "10.31.90.5"}
FIELDS = ("proxy_answers", "forwards", "drops", "unmasqueraded", "mtu", "strict", "lost_ways")


@pytest.mark.cases("node_states")
def test_a_node_says(case: dict[str, Any]) -> None:
    asked = questions("eth0", ["10.33.192.80"], list(HOMES), ["10.32.0.10"])
    answers = dict.fromkeys(asked, "") | {"proxy": "200", "forward": "1", "mtu": "1500"} | case["answers"]
    state = node_state({name: Answer(0, text) for name, text in answers.items()}, "eth0", HOMES, ["10.31.90.4"])
    healthy = NodeState(mtu=1500)
    expected = {name: getattr(healthy, name) for name in FIELDS} | {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in case["says"].items()
        if name in FIELDS
    }
    assert {name: getattr(state, name) for name in FIELDS} == expected
    for name, known in case.get("rules", {}).items():
        address, _, port = name.partition(":")
        node = "worker-4" if address in HOMES.values() else ""
        assert state.rules_for(Target("node-port" if node else "local", address, int(port), node=node)) is known
