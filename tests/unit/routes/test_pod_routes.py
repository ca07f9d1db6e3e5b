"""The task that asks nodes for their ways to each other's pods: which nodes, and until when."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.intent import Intent
from kubepeer.run import Options, Run
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tasks.routes import nodes
from tests.unit.answering import answered
from tests.unit.routes.test_node_routes import ANNOUNCED, DEFAULT, TO_FAR, TO_NEAR

NODE = "k8s-calico-master-10-31-90-1"
RACK = {"rack": {"name": "one", "network": "10.31.0.0/16"}, "routers": ["openwrt", "tiny-unraid"]}
IN_A_RACK = {"groups": {"kubernetes": {"data": RACK}}}
NO_TUNNEL = {
    "groups": {"fabric": {"data": {"cluster": {"networks": {"pod_routing": {"encapsulation": "None"}}}}}}
}  # the routers tell the nodes


class Node:
    """A shell of a node whose table grows."""

    def __init__(self, *tables: list[dict[str, str]]) -> None:
        self.tables = list(tables)
        self.asked = 0

    def run(self, script: str, **_: Any) -> Completed:
        self.asked += 1
        table = self.tables.pop(0) if len(self.tables) > 1 else self.tables[0]
        return Completed(0, answered(script, {"routes": Answer(0, json.dumps(table))}), b"")


def run_on(intent: Intent, *chosen: str) -> Any:
    nornir: Any = SimpleNamespace(data=SimpleNamespace(failed_hosts=set()))
    settings: Any = None
    return Run(intent, settings, Options(), nornir, frozenset(chosen))


@pytest.mark.parametrize(("edits", "asked"), [({}, False), (IN_A_RACK, True), (NO_TUNNEL, True)])
def test_nodes_are_asked_where_there_are_racks_or_the_routers_tell_them(
    intent_of: Callable[..., Intent], edits: dict[str, Any], asked: Any
) -> None:
    intent = intent_of(**edits)
    every = [node.name for node in intent.nodes]
    assert list(nodes.nodes_to_ask(run_on(intent, *every, "openwrt"))) == (every if asked else [])
    assert list(nodes.nodes_to_ask(run_on(intent, "openwrt"))) == []
    assert list(nodes.nodes_to_ask(run_on(intent, NODE))) == ([NODE] if asked else [])


@pytest.mark.parametrize(
    ("tables", "seconds", "ok", "asked"),
    [
        ([[DEFAULT, TO_NEAR, TO_FAR]], 0.0, True, 1),
        ([[DEFAULT], [DEFAULT, TO_NEAR], [DEFAULT, TO_NEAR, TO_FAR]], 60.0, True, 3),
        ([[DEFAULT, TO_NEAR]], 0.0, False, 1),
    ],
    ids=["at_once", "when_the_routes_have_come", "time_is_up"],
)
def test_a_node_is_asked_until_its_table_leads_everywhere_or_time_is_up(
    monkeypatch: pytest.MonkeyPatch, intent_of: Any, tables: list[Any], seconds: float, ok: Any, asked: int
) -> None:
    shell = Node(*tables)
    monkeypatch.setattr(nodes, "open_shell", lambda *_: shell)
    monkeypatch.setattr(nodes, "what_is_announced", lambda _: ANNOUNCED)
    monkeypatch.setattr(nodes, "INTERVAL_SECONDS", 0.01)
    task: Any = SimpleNamespace(host=SimpleNamespace(name=NODE))
    result: Any = nodes.verify_pod_routes(task, run_on(intent_of(**IN_A_RACK), NODE), seconds)
    (finding,) = result.findings
    assert (result.failed, finding.ok, shell.asked) == (not ok, ok, asked)
    assert result.result == ("2 blocks reached" if ok else "1 block not reached")
