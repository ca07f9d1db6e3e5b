"""What phases leave for each other: the order is judged before anything is contacted."""

from typing import Any

import pytest
from nornir.core.task import Result, Task

from kubepeer.errors import UsageError
from kubepeer.memory import Handover, Memory, handover_of, hands_over, out_of_order, refuse_wrong_order
from kubepeer.run import Run, done

FACTS = Memory[str]("the facts")
TOKEN = Memory[str]("the token")


@hands_over(gives=(FACTS,))
def observe(task: Task, run: Run) -> Result:
    return done(task)


@hands_over(needs=(FACTS,), gives=(TOKEN,))
def initialise(task: Task, run: Run) -> Result:
    return done(task)


@hands_over(needs=(FACTS, TOKEN))
def join(task: Task, run: Run) -> Result:
    return done(task)


def greet(task: Task, run: Run) -> Result:
    return done(task)


LACKS = "the phase {!r} needs the {}, and no phase before it gives that"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        pytest.param([[observe], [initialise], [join]], [], id="in order"),
        pytest.param([[greet], [observe], [greet], [initialise, greet], [join]], [], id="with others between"),
        pytest.param([], [], id="nothing"),
        pytest.param([[observe], [join], [initialise]], [LACKS.format("join", "token")], id="too late"),
        pytest.param([[observe], [initialise, join]], [LACKS.format("join", "token")], id="at the same time"),
        pytest.param([[observe, initialise]], [LACKS.format("initialise", "facts")], id="beside it, listed first"),
        pytest.param(
            [[join]], [LACKS.format("join", "facts"), LACKS.format("join", "token")], id="every need has its line"
        ),
    ],
)
def test_what_comes_too_late_is_named(steps: list[list[Any]], said: list[str]) -> None:
    named = [[(task.__name__, task) for task in step] for step in steps]
    assert list(out_of_order(named)) == said
    if said:
        with pytest.raises(UsageError, match="Nothing was contacted") as raised:
            refuse_wrong_order(named)
        assert raised.value.exit_code == 2
        assert all(line in str(raised.value) for line in said)
    else:
        refuse_wrong_order(named)


def test_a_task_says_what_it_hands_over_and_is_else_as_it_was() -> None:
    assert handover_of(initialise) == Handover((FACTS,), (TOKEN,))
    assert handover_of(greet) == Handover()
    assert initialise.__name__ == "initialise"


def test_two_places_of_the_same_name_are_two(run_of: Any) -> None:
    run, other = run_of("a"), Memory[str]("the facts")
    run.keep(FACTS, "one")
    run.keep(FACTS, "of a", of="a")
    assert (run.recall(FACTS), run.recall(FACTS, of="a"), run.recall(other)) == ("one", "of a", None)


def test_all_that_is_kept_at_a_place_is_the_same_until_something_is_kept_there(run_of: Any) -> None:
    run, other = run_of("a"), Memory[str]("the facts")
    run.keep(other, "elsewhere", of="a")
    run.keep(FACTS, "of a", of="a")
    first = run.recall_all(FACTS)
    run.keep(other, "elsewhere", of="b")
    assert run.recall_all(FACTS) is first
    assert first.values == {"a": "of a"}
    run.keep(FACTS, "of b", of="b")
    assert run.recall_all(FACTS) is not first
    assert run.recall_all(FACTS).values == {"a": "of a", "b": "of b"}
    assert first.values == {"a": "of a"}


def test_what_was_worked_out_from_all_is_not_that_of_an_earlier_time(run_of: Any) -> None:
    run, count = run_of("a"), Memory[int]("how many there are")

    def counted() -> int:
        every = run.recall_all(FACTS)
        return run.once(count, lambda: len(every.values), of=every)

    said = [counted()]
    for name in "ab":
        run.keep(FACTS, name, of=name)
        said += [counted(), counted()]
    assert said == [0, 1, 1, 2, 2]


def test_a_run_apart_or_anew_has_a_memory_of_its_own(run_of: Any) -> None:
    run = run_of("a")
    run.keep(FACTS, "of a", of="a")
    seen, apart, anew = run.recall_all(FACTS), run.apart(frozenset("a")), run.again(dry_run=True)
    apart.keep(FACTS, "of b", of="b")
    assert run.recall_all(FACTS) is seen
    assert apart.recall_all(FACTS).values == {"a": "of a", "b": "of b"}
    assert anew.recall_all(FACTS).values == {}
    assert run.selecting(frozenset("a"), filtered=True).recall_all(FACTS) is seen
