"""A session of a worker: a call is done once, by the process that it is for, and changes nothing without leave."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from nornir.core.task import Result, Task

from kubepeer.change import about_to_change, made
from kubepeer.errors import CommandError, RefusedError, UnreachableError
from kubepeer.memory import CHANGES, LOOKS, Memory, hands_over
from kubepeer.run import Options, Run, done, waiting
from kubepeer.workers.messages import Answer, Call, Waits
from kubepeer.workers.session import KeepingRedactor, RunOnWorker, Session, kept_of, task_named
from tasks.linux.state import LinuxChange
from tasks.nodes.tasks import prepare

WORD, COUNT, SHARED = Memory[str]("a word"), Memory[int]("a number"), Memory[str]("what all hosts share")
CHANGE = LinuxChange("/etc/motd", "a\n", "b\n")
STARTED, GO_ON = Event(), Event()
HERE = "tests.unit.workers.test_session"


@hands_over(needs=(WORD,), gives=(COUNT,), apart=LOOKS)
def looks(task: Task, run: Run) -> Result:
    found = run.recall(WORD, of=task.host.name)
    run.keep(COUNT, len(found or ""), of=task.host.name)
    run.warn(f"looked at {found}")
    run.redactor.learn("a password")
    waiting("for the host")
    waiting("for the host")
    return done(task, summary="all clear")


@hands_over(apart=CHANGES)
def changes(task: Task, run: Run) -> Result:
    run.once(SHARED, lambda: "read once")
    about_to_change((CHANGE,))
    made(CHANGE)
    return done(task, (CHANGE,))


@hands_over(apart=CHANGES)
def changes_two(task: Task, run: Run) -> Result:
    about_to_change((CHANGE,))
    made(CHANGE)
    STARTED.set()
    GO_ON.wait(10)
    about_to_change((CHANGE,))
    return done(task, (CHANGE, CHANGE))


@hands_over(apart=LOOKS)
def fails(task: Task, run: Run) -> Result:
    raise UnreachableError("no key in /here/known_hosts", host="a", cure="mend /here/known_hosts")


@hands_over(apart=LOOKS)
def breaks(task: Task, run: Run) -> Result:
    raise KeyError("key")


def stays(task: Task, run: Run) -> Result:
    return done(task)


@pytest.fixture
def told() -> list[Waits]:
    return []


@pytest.fixture
def session(run_of: Callable[..., Run], told: list[Waits]) -> Session:
    run = run_of("a", "b")
    given = {one.name: getattr(run, one.name) for one in fields(Run) if one.init} | {"redactor": KeepingRedactor()}
    return Session(RunOnWorker(**given), (Path("/here/known_hosts"), "/there/known_hosts"), told.append)


def call(session: Session, task: Any, number: str = "1", **further: Any) -> Call:
    asked = Call(session.name, number, f"{HERE}:{task.__name__}", "Title", "a", Options(), (), may_change=False)
    return replace(asked, **further)


def test_a_task_has_what_came_with_the_call_and_what_it_leaves_goes_back(session: Session, told: list[Waits]) -> None:
    answer = session.answer(call(session, looks, needs=((0, "abc"),)))
    assert (answer.summary, answer.failed, answer.error) == ("all clear", False, None)
    assert answer.gives == ((1, 3),)
    assert answer.warnings == ("looked at abc",)
    assert answer.learnt == {"a password"}
    assert (answer.waited, told) == (True, [Waits("Title", "a", "for the host")])
    assert session.run.recall(COUNT, of="a") is None, "the controller keeps it"


def test_what_an_earlier_call_came_with_is_not_there_any_more(session: Session) -> None:
    session.answer(call(session, looks, "1", needs=((0, "abc"),)))
    assert session.answer(call(session, looks, "2")).gives == ((1, 0),)


def test_a_password_goes_with_every_answer_and_a_kubeconfig_with_one(session: Session) -> None:
    session.answer(call(session, looks, "1"))
    session.run.redactor.learn("long" * 100)
    assert session.answer(call(session, changes, "2", may_change=True)).learnt == {"a password"}


def test_both_sides_number_the_places_alike(run_of: Callable[..., Run]) -> None:
    run = run_of("a")
    run.keep(WORD, "abc", of="a")
    run.keep(COUNT, 7, of="a")
    run.keep(COUNT, 8, of="b")
    assert kept_of(run, vars(looks)["handover"], "a") == ((0, "abc"), (1, 7))


def test_no_call_is_done_twice(session: Session) -> None:
    assert session.answer(call(session, changes, may_change=True)).changes == (CHANGE,)
    assert session.answer(call(session, changes, may_change=True)) == Answer(undone=True)


def test_without_leave_a_change_is_a_wish_and_nothing_was_done(session: Session) -> None:
    assert session.answer(call(session, changes)) == Answer(wishes=True)
    assert session.answer(call(session, changes, "2", may_change=True)).changes == (CHANGE,)


def test_the_leave_of_one_call_is_not_that_of_another(session: Session) -> None:
    assert session.answer(call(session, changes, "1", may_change=True)).changes == (CHANGE,)
    assert session.answer(call(session, changes, "2")).wishes


def test_what_wants_to_change_nothing_needs_no_leave(session: Session) -> None:
    assert not session.answer(call(session, looks)).wishes


def test_a_run_that_is_over_changes_nothing_more_and_says_what_it_had_changed(session: Session) -> None:
    STARTED.clear()
    GO_ON.clear()
    answers: list[Answer] = []
    under_way = Thread(target=lambda: answers.append(session.answer(call(session, changes_two, may_change=True))))
    under_way.start()
    assert STARTED.wait(10)
    session.end()
    GO_ON.set()
    under_way.join()
    assert isinstance(answers[0].error, RefusedError)
    assert answers[0].changes == (CHANGE,)
    assert session.answer(call(session, changes, "2", may_change=True)) == Answer(undone=True)


def test_an_error_names_the_controllers_file(session: Session) -> None:
    error = session.answer(call(session, fails)).error
    assert str(error) == "a: no key in /there/known_hosts Cure: mend /there/known_hosts"


def test_a_fault_of_a_task_is_its_hosts_result(session: Session) -> None:
    answer = session.answer(call(session, breaks))
    assert (answer.failed, type(answer.error)) == (True, KeyError)
    assert not isinstance(answer.error, CommandError)


@pytest.mark.parametrize("name", [f"{HERE}:stays", f"{HERE}:none", "os:system", "tasks.routers.tasks:configure"])
def test_a_task_that_does_not_say_that_it_may_is_not_done(name: str) -> None:
    with pytest.raises(LookupError, match="is no task that may run on a worker"):
        task_named(name)


def test_a_task_of_deploy_is_found_by_its_name() -> None:
    assert task_named("tasks.nodes.tasks:prepare") is prepare
