"""How many nodes go at the same time, by upgrade.py and deploy.py."""

import argparse
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from kubepeer.run import Run
from tasks import batches
from tasks.control_plane.kubelets import first_alone


def node(name: str, rack: str | None) -> Any:
    return SimpleNamespace(name=name, rack=SimpleNamespace(name=rack) if rack else None)


@pytest.mark.cases("batches")
def test_nodes_are_taken_together(case: dict[str, Any]) -> None:
    nodes = [node(name, rack) for name, rack in case["nodes"].items()]
    assert batches.split(nodes, batches.checked(case["batch"]), out=case.get("out", ())) == case["batches"]


@pytest.mark.parametrize("text", ["0", "-1", "101%", "0%", "half", "1.5"])
def test_a_batch_is_a_number_a_share_or_a_rack(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(text)):
        batches.checked(text)


@pytest.mark.parametrize(("batch", "most"), [("3", "2"), ("100%", "2"), ("rack", "2")])
def test_a_worker_is_left_to_run_what_the_others_ran(batch: str, most: str) -> None:
    workers = [node(name, "a") for name in ("w4", "w5", "w6")]
    with pytest.raises(UsageError, match=rf"all 3 workers out at once.*--batch {most} at most"):
        batches.refuse_all_at_once(workers, workers, batch)
    batches.refuse_all_at_once(workers, workers[:2], "3")
    batches.refuse_all_at_once(workers[:1], workers[:1], "1")


def test_racks_are_asked_for_where_there_are_some() -> None:
    workers = [node("w4", "a"), node("w5", None)]
    with pytest.raises(UsageError, match="not every worker has a rack"):
        batches.refuse_all_at_once(workers, workers, "rack")


@pytest.mark.parametrize(
    ("batch", "all_nodes", "kubelets"), [(None, [6], [1, 5]), ("4", [4, 2], [1, 4, 1]), ("50%", [3, 3], [1, 2, 2, 1])]
)
def test_a_phase_of_deploy_goes_by_batches_where_somebody_wants_it(
    run_of: Callable[..., Run],
    intent_of: Callable[..., Intent],
    batch: str | None,
    all_nodes: list[int],
    kubelets: list[int],
) -> None:
    intent = intent_of()
    names = [one.name for one in intent.nodes]
    run = run_of(*names, intent=intent, further={"batch": batch})
    for turns, sizes in ((batches.in_batches, all_nodes), (first_alone, kubelets)):
        found = turns(run, names)
        assert [len(turn) for turn in found] == sizes
        assert [name for turn in found for name in turn] == names, "each once, in the inventory's order"
    assert first_alone(run, names[:1]) == [names[:1]]
