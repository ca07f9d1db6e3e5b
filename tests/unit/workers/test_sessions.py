"""The plugin of a worker process: whatever comes, there is an answer, and none that Dask could read."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("distributed")

from kubepeer.run import Options, Run
from kubepeer.workers.messages import Answer, Call
from kubepeer.workers.session import RunOnWorker, Session
from kubepeer.workers.sessions import Sessions
from kubepeer.workers.wire import Seal
from tests.unit.workers.test_session import call, changes, session, told

__all__ = ["session", "told"]
SEAL = Seal("a" * 32)


@pytest.fixture
def process(project: Callable[..., Any]) -> Sessions:
    return Sessions(project(), {}, SEAL, 1, "sources")


def asked(process: Sessions, what: Call, seal: Seal = SEAL, number: str = "1") -> Any:
    sealed = process.answers(seal.close(what, f"call {number}"), number)
    return seal.open(sealed, f"answer {number}") if sealed else sealed


def test_a_call_that_was_for_another_process_is_not_done(process: Sessions) -> None:
    """What Dask does by itself when a worker is lost, and comes back at the same address."""
    what = Call("another process's", "1", "os:system", "Title", "a", Options(), (), may_change=True)
    assert asked(process, what) == Answer(undone=True)


def test_a_call_under_anothers_number_is_not_done(process: Sessions, session: Session) -> None:
    process._open[session.name] = session
    assert asked(process, call(session, changes, may_change=True), number="2") == Answer(undone=True)
    assert asked(process, call(session, changes, may_change=True)).changes


def test_who_has_another_key_gets_nothing(process: Sessions) -> None:
    assert asked(process, Call("", "1", "", "", "", Options(), (), may_change=False), Seal("b" * 32)) == b""
    assert process.opens(Seal("b" * 32).close("x", "open"), "key") == b""


def test_a_call_that_cannot_be_done_is_an_answer(process: Sessions, session: Session) -> None:
    process._open[session.name] = session
    answer = asked(process, replace(call(session, changes), task="os:system"))
    assert (answer.failed, str(answer.error)) == (True, "os:system is no task that may run on a worker")


@pytest.mark.parametrize("start", ["memory", "executing"])
@pytest.mark.parametrize("finish", ["released", "forgotten"])
def test_a_session_ends_when_its_key_is_let_go(process: Sessions, session: Session, start: str, finish: str) -> None:
    process._open[session.name], process._by_key["key"] = session, session.name
    process.transition("another", start, finish)
    process.transition("key", "executing", "memory")
    assert not _over(session.run)
    process.transition("key", start, finish)
    assert _over(session.run)
    assert asked(process, call(session, changes, may_change=True)) == Answer(undone=True)


def test_all_sessions_end_with_the_process(process: Sessions, session: Session) -> None:
    process._open[session.name] = session
    process.teardown(None)  # type: ignore[arg-type]
    assert _over(session.run)


def _over(run: Run) -> bool:
    assert isinstance(run, RunOnWorker)
    return run.over.is_set()
