"""What the tasks of the runbooks say that they hand over is what they keep and recall, read from the sources through all that they call."""

import ast
import functools
import importlib
import runpy
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.memory import Memory, handover_of, out_of_order
from kubepeer.phases import Phase, Together
from tests.conftest import CHECKOUT

Definition = tuple[str, str]  # of a module, and the name in it
MEMORY = "kubepeer.run"  # keeps and recalls for others
NUMBERS = (signal.SIGINT, signal.SIGTERM)


def lists() -> Iterator[tuple[str, list[Phase | Together]]]:
    """The lists of phases of all runbooks."""
    for path in sorted((CHECKOUT / "runbooks").glob("*.py")):
        before = {number: signal.getsignal(number) for number in NUMBERS}
        names = runpy.run_path(str(path), run_name=path.stem)
        for number, handler in before.items():
            signal.signal(number, handler)
        for command, phases in names.get("COMMANDS", {"": names.get("PHASES", [])}).items():
            yield f"{path.stem} {command}".strip(), phases


LISTS = dict(lists())
STEPS = {
    name: [one.phases if isinstance(one, Together) else (one,) for one in phases] for name, phases in LISTS.items()
}
# in one order for all processes of a test run
TASKS = sorted(
    {phase.task for steps in STEPS.values() for step in steps for phase in step},
    key=lambda task: (task.__module__, task.__name__),
)


@functools.cache
def definitions(module: str) -> dict[str, ast.stmt]:
    """The functions and classes of a module of ours."""
    path = CHECKOUT / f"{module.replace('.', '/')}.py"
    if not path.exists():
        return {}
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@functools.cache
def imported(module: str) -> dict[str, Any]:
    """What a module has imported: name there -> (module, name), or the module."""
    tree = ast.parse((CHECKOUT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                is_module = (CHECKOUT / f"{whole.replace('.', '/')}.py").exists()
                found[alias.asname or alias.name] = whole if is_module else (str(node.module), alias.name)
    return found


def called(definition: Definition) -> Iterator[Definition]:
    """What a function or a class names of ours, called at once or handed on."""
    module, name = definition
    for node in ast.walk(definitions(module)[name]):
        if isinstance(node, ast.Name):
            if node.id in definitions(module):
                yield module, node.id
            elif isinstance(one := imported(module).get(node.id), tuple) and one[1] in definitions(one[0]):
                yield one
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            there = imported(module).get(node.value.id)
            if isinstance(there, str) and node.attr in definitions(there):
                yield there, node.attr


def reached(definition: Definition) -> set[Definition]:
    waiting, seen = [definition], {definition}
    while waiting:
        for below in called(waiting.pop()):
            if below not in seen and below[0] != MEMORY:
                seen.add(below)
                waiting.append(below)
    return seen


def places(task: Any, method: str) -> set[Memory[Any]]:
    """The places that a task keeps or recalls, itself or by what it calls."""
    found = set()
    for module, name in reached((task.__module__, task.__name__)):
        for node in ast.walk(definitions(module)[name]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
                argument = node.args[0]
                assert isinstance(argument, ast.Name), f"{module}:{node.lineno}: a place has a name"
                place = getattr(importlib.import_module(module), argument.id)
                assert isinstance(place, Memory)
                found.add(place)
    return found


def said(some: Any) -> list[str]:
    return sorted(place.what for place in some)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__qualname__)
def test_a_task_keeps_and_recalls_what_it_says_and_nothing_else(task: Any) -> None:
    handover, kept = handover_of(task), places(task, "keep")
    recalled = places(task, "recall") | places(task, "recall_all")
    assert said(handover.gives) == said(kept)
    assert said(recalled - set(handover.gives) - set(handover.needs)) == []
    assert said(set(handover.needs) - recalled) == [], "needed, and never looked at"


APART = [task for task in TASKS if handover_of(task).apart is not None]


@pytest.mark.parametrize("task", APART, ids=lambda task: task.__qualname__)
def test_a_task_that_may_run_on_a_worker_looks_at_no_other_host(task: Any) -> None:
    assert said(places(task, "recall_all")) == []
    assert task.__qualname__ == task.__name__, "it is found by its name"


def test_what_grows_with_the_nodes_may_run_on_a_worker() -> None:
    assert {task.__name__ for task in APART} == {"observe", "observe_when_usable", "prepare", "pull_images"}


@pytest.mark.parametrize("name", LISTS)
def test_the_phases_of_a_runbook_are_in_order(name: str) -> None:
    assert list(out_of_order([[(phase.title, phase.task) for phase in step] for step in STEPS[name]])) == []


def test_the_sources_are_really_read() -> None:
    assert len(TASKS) > 12
    assert max(len(places(task, "recall")) for task in TASKS) > 3
    assert Path("tasks/cluster/access.py") in {
        Path(f"{module.replace('.', '/')}.py")
        for task in TASKS
        for module, _ in reached((task.__module__, task.__name__))
    }
