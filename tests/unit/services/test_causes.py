"""Which cause explains which red cell, and which it does not."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.services.causes import NOT_FOUND, causes
from tasks.services.node_state import NodeState, RouterState
from tests.unit.services.parts import PODS, red, workload


def state(fields: dict[str, Any]) -> NodeState:
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    if "rules" in given:
        given["rules"] = frozenset(given["rules"])
    return NodeState(**given)


@pytest.mark.cases("causes")
def test_a_red_cell_is_explained(case: dict[str, Any]) -> None:
    pods = tuple(replace(pod, ready=pod.name not in case.get("unready", ())) for pod in PODS)
    found = workload(pods=pods, without=case.get("without", {}))
    nodes = {name: state(fields) for name, fields in case["nodes"].items()}
    routers = {
        name: RouterState(fields.get("hash_policy"), tuple(fields.get("wrong_routes", ())))
        for name, fields in case["routers"].items()
    }
    for cell in case["cells"]:
        wanted = [NOT_FOUND if because == "no cause found" else because for because in cell["because"]]
        assert causes(red(cell), found, nodes, routers) == wanted, cell
