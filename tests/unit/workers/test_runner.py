"""What may leave the run's own process, and what stays in its threads."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from nornir.core.plugins.runners import RunnersPluginRegister
from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.errors import UsageError
from kubepeer.execution import Told
from kubepeer.memory import CHANGES, LOOKS, hands_over
from kubepeer.phases import Phase
from kubepeer.run import Run, done
from kubepeer.workers.alike import differing
from kubepeer.workers.messages import Alike
from kubepeer.workers.runner import DaskRunner
from tasks.linux.holding import Holding

NODE = "k8s-calico-worker-10-31-90-4"
NO_WORKERS = "config.yaml names no workers"


@hands_over(apart=LOOKS)
def looks(task: Task, run: Run) -> Result:
    return done(task, summary="here")


@hands_over(apart=CHANGES)
def changes(task: Task, run: Run) -> Result:
    return done(task, summary="here")


def stays(task: Task, run: Run) -> Result:
    return done(task, summary="here")


def judges(title: str, host: str, changes: Sequence[Change]) -> None:
    """As the guard of an approved plan."""


@pytest.fixture
def run(run_of: Callable[..., Run]) -> Run:
    return run_of(NODE, "openwrt")


def said(run: Run, task: Any, observer: Any, host: str = NODE) -> str:
    view = run.nornir.filter(name=host).with_runner(DaskRunner(address="tcp://127.0.0.1:1"))
    return str(view.run(task=Told(Phase("Title", task), observer), name="Title", run=run)[host][0].result)


def test_nornir_knows_it_by_its_name() -> None:
    RunnersPluginRegister.auto_register()
    assert RunnersPluginRegister.get_plugin("dask") is DaskRunner


def test_what_does_not_say_that_it_may_go_stays(run: Run, observer: Any) -> None:
    assert said(run, stays, observer) == "here"


@pytest.mark.parametrize("task", [looks, changes])
def test_what_may_go_goes(run: Run, observer: Any, task: Any) -> None:
    with pytest.raises(UsageError, match=NO_WORKERS):
        said(run, task, observer)


def test_without_dask_the_cure_is_said(run: Run, observer: Any, monkeypatch: Any) -> None:
    for name in ("calls", "connected"):
        monkeypatch.delitem(sys.modules, f"kubepeer.workers.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        UsageError, match=r"there is no distributed\. Nothing was changed\. Cure: pip install 'kubepeer\[dask\]'"
    ):
        said(run, looks, observer)


def test_a_router_stays(run: Run, observer: Any) -> None:
    assert said(run, looks, observer, "openwrt") == "here"


def test_what_a_guard_judges_change_by_change_stays(run: Run, observer: Any) -> None:
    run.guards.append(judges)
    assert said(run, changes, observer) == "here"
    with pytest.raises(UsageError, match=NO_WORKERS):
        said(run, looks, observer)


def test_the_lock_of_all_machines_judges_no_change(run: Run, observer: Any) -> None:
    Holding.of(run)
    with pytest.raises(UsageError, match=NO_WORKERS):
        said(run, changes, observer)


def test_a_task_of_nornirs_own_stays(run: Run) -> None:
    def plain(task: Task) -> str:
        return "here"

    found = run.nornir.with_runner(DaskRunner()).run(task=plain)
    assert [host[0].result for host in found.values()] == ["here", "here"]


@pytest.mark.parametrize(
    ("theirs", "differs"),
    [
        (Alike("a", "b", "c"), ""),
        (Alike("x", "y", "z"), "other sources"),
        (Alike("a", "y", "z"), "another inventory"),
        (Alike("a", "b", "z"), "other passwords of the logins"),
    ],
)
def test_what_a_worker_has_otherwise_is_said_with_the_cure(theirs: Alike, differs: str) -> None:
    found, cure = differing(Alike("a", "b", "c"), theirs)
    assert found == differs
    assert bool(cure) == bool(differs)
