"""In which order etcd's members are defragmented, which are worth it and what stands against it, by cases; and how a run of it goes."""

from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.commandline import parse
from kubepeer.errors import CommandError, RefusedError, UsageError
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.control_plane import etcd_state
from tasks.control_plane.etcd_state import EtcdState
from tasks.etcd import arguments, plan, table, tasks
from tasks.linux.observe import Seen
from tests.unit.control_plane.test_etcd_state import answers_of, full, short

NAMES = {number: full(number).partition(".")[0] for number in (1, 2, 3)}
WELL = {
    "members": {
        1: {"leader": 2, "size": 900, "used": 100},
        2: {"leader": 2, "size": 900, "used": 100},
        3: {"leader": 2, "size": 40},
    }
}
ILL = {"members": {**WELL["members"], 3: None}}


def state_of(case: dict[str, Any]) -> EtcdState:
    return etcd_state.read(Seen(answers_of(case), {}))


@pytest.mark.cases("orders")
def test_the_plan(case: dict[str, Any], intent_of: Any) -> None:
    intent, state = intent_of(), state_of(case)
    assert plan.order(intent, state) == [NAMES[number] for number in case["order"]]
    alarm = plan.has_alarm(state, "NOSPACE")
    for every, key in ((False, "why"), (True, "every")):
        for number, because in case.get(key, {}).items():
            status = plan.status_of(intent.node(NAMES[number]), state)
            assert status is not None
            assert plan.why(intent, status, every=every, alarm=alarm) == because
    found = plan.against(etcd_state.findings(intent, NAMES[1], state), state)
    assert [short(one) for one in found] == case.get("against", [])
    assert [short(one) for one in plan.too_full(intent, state)] == case.get("too_full", [])
    compaction, disarmed = plan.compact(state), plan.disarm(state)
    assert (compaction is not None) == ("compact" in case)
    assert (disarmed is not None) == case.get("disarm", False)
    if compaction:
        assert f"compaction --physical {case['compact']}" in compaction.steps[0].script  # type: ignore[union-attr]


def test_a_defragmentation_has_more_time_than_a_question(intent_of: Any) -> None:
    state = state_of(WELL)
    node = intent_of().node(NAMES[1])
    status = plan.status_of(node, state)
    assert status is not None
    change = plan.defragment(node, status, "asked for")
    (step,) = change.steps
    assert "--command-timeout=600s defrag" in step.script  # type: ignore[union-attr]
    assert "--cluster" not in step.script  # type: ignore[union-attr]
    assert change.before == "900 MiB, of which 100 MiB are in use: asked for"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--all",), "--all without --defragment"),
        (("--dry-run",), "--dry-run without --defragment"),
        (("--defragment", "--host", NAMES[1]), "--group and --host have no meaning here"),
    ],
)
def test_what_means_nothing_is_refused(words: tuple[str, ...], says: str, intent_of: Any) -> None:
    given = parse("etcd", "", words, further=arguments.arguments)
    with pytest.raises(UsageError, match=says):
        arguments.checked(given, intent_of())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)
    monkeypatch.setattr(tasks, "WELL_SECONDS", 0.01)
    monkeypatch.setattr(tasks, "explain", lambda *_: "")
    monkeypatch.setattr(tasks.static_pods, "ready", lambda _: True)


@pytest.fixture
def begun(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that has looked; etcd says one of these after the other, the last for ever; what is applied is listed."""

    def begin(*cases: Any, **further: Any) -> tuple[Run, list[tuple[str, str]]]:
        applied: list[tuple[str, str]] = []
        states = [state_of(case) for case in cases]

        def ask_any(_run: Run) -> tuple[Any, EtcdState]:
            return SimpleNamespace(host=NAMES[1]), states.pop(0) if len(states) > 1 else states[0]

        def apply(shell: Any, changes: Any) -> None:
            applied.extend((shell.host, change.what) for change in changes)

        monkeypatch.setattr(tasks, "ask_any", ask_any)
        monkeypatch.setattr(tasks, "apply", apply)
        monkeypatch.setattr(tasks, "open_shell", lambda _, name: SimpleNamespace(host=name))
        run: Run = run_of(*NAMES.values(), further={"defragment": True, "all": False, **further})
        tasks.look(task(1), run)
        return run, applied

    return begin


def task(number: int) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=NAMES[number]))


def test_only_what_is_worth_it_is_touched(begun: Any) -> None:
    run, applied = begun(WELL)
    assert [turn[0] for turn in table.turns(run, list(NAMES.values()))] == [NAMES[1], NAMES[3], NAMES[2]]
    results = [tasks.defragment(task(number), run) for number in (1, 3, 2)]
    assert applied == [(NAMES[1], f"database of {full(1)}"), (NAMES[2], f"database of {full(2)}")]
    assert results[1].result == "not worth it (--all)"


def test_nothing_begins_while_a_member_does_not_answer(begun: Any) -> None:
    run, applied = begun(ILL)
    with pytest.raises(RefusedError, match=r"not defragmented: member \S+ does not answer. Nothing was changed"):
        tasks.refuse_early(task(1), run)
    assert applied == []


def test_the_first_member_that_does_not_come_back_ends_it(begun: Any) -> None:
    run, applied = begun(WELL, WELL, ILL)
    with pytest.raises(CommandError, match=r"does not answer. No further member was touched"):
        tasks.defragment(task(1), run)
    with pytest.raises(CommandError, match=f"not touched: {NAMES[1]} did not come back"):
        tasks.defragment(task(2), run)
    assert applied == [(NAMES[1], f"database of {full(1)}")]


def test_an_alarm_is_disarmed_when_there_is_room_and_not_before(begun: Any) -> None:
    alarmed = {"members": {number: {"leader": 2, "size": 2000, "used": 100} for number in NAMES}, "alarms": [[1, 1]]}
    run, applied = begun(alarmed, alarmed)
    with pytest.raises(CommandError, match=r"alarm NOSPACE stays: .* 2000 MiB of 2048 MiB"):
        tasks.disarm(task(1), run)
    run, applied = begun(alarmed, WELL)
    tasks.disarm(task(1), run)
    assert applied == [(NAMES[1], "etcd alarm NOSPACE")]


def test_the_table(begun: Any) -> None:
    run, _ = begun({**ILL, "alarms": [[1, 1]]})
    lines = [line.plain for line in table.rows(run, state_of({**ILL, "alarms": [[1, 1]]}))]
    assert [line.split() for line in lines] == [
        ["member", "version", "size", "in", "use", "free", "quota", "alarms"],
        [full(1), "3.6.8", "900", "MiB", "100", "MiB", "89", "%", "2048", "MiB", "NOSPACE"],
        [full(2), "leader", "3.6.8", "900", "MiB", "100", "MiB", "89", "%", "2048", "MiB"],
        [full(3), "silent"],
    ]
    told = table.tell(run)["members"]
    assert [one["answers"] for one in told] == [True, True, False]
    assert told[0]["alarms"] == ["NOSPACE"]
    assert told[2]["size"] is None
