"""What a shell has printed, cut off or mangled before anybody reads an answer in it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.linux.observe import Answer, Seen, parse
from tests.unit.fuzz.mangling import cuts, fuzzed, read_or_refused, ways

MARK = "@@kubepeer-0123456789abcdef01234567"
# What a command may print: nothing, lines, signs of any kind, marks of another run.
texts = st.one_of(st.text(max_size=60), st.sampled_from(("", "\n", "a\nb\n", "@@kubepeer-other\n", f"{MARK[:-1]}\n")))
names = st.lists(
    st.sampled_from(("neighbours", "bgp 10.33.0.0/17", "kernel 10.33.0.0/17", "hash policy")), min_size=1, unique=True
)


def printed(answers: dict[str, Answer]) -> str:
    """As the script prints them (tasks/linux/observe.py, say)."""
    blocks = [f"{MARK} answer {name} {one.code}\n{one.text}\n{MARK}\n" for name, one in answers.items()]
    return "".join(blocks)


def read(text: str) -> Seen | None:
    """What is read; None where it is refused."""
    return read_or_refused(lambda: parse(text.encode(errors="surrogateescape"), MARK), None)


@pytest.fixture(scope="module")
def answers_of() -> Callable[[Any], dict[str, Answer]]:
    def draw(data: Any) -> dict[str, Answer]:
        return {name: Answer(data.draw(st.sampled_from((0, 1, 127))), data.draw(texts)) for name in data.draw(names)}

    return draw


@fuzzed
@given(data=st.data())
def test_what_was_printed_is_read_as_it_was(answers_of: Callable[[Any], dict[str, Answer]], data: Any) -> None:
    said = answers_of(data)
    seen = read(printed(said))
    assert seen is not None
    assert {name: one.code for name, one in seen.answers.items()} == {name: one.code for name, one in said.items()}
    assert {name: one.text for name, one in seen.answers.items()} == {name: one.text for name, one in said.items()}


@fuzzed
@given(data=st.data())
def test_a_cut_leaves_whole_answers_and_no_other(answers_of: Callable[[Any], dict[str, Answer]], data: Any) -> None:
    said = answers_of(data)
    seen = read(data.draw(cuts)(printed(said)))
    if seen is not None:
        assert seen.answers.items() <= said.items()


@fuzzed
@given(data=st.data())
def test_whatever_is_printed_it_is_read_or_refused(answers_of: Callable[[Any], dict[str, Answer]], data: Any) -> None:
    text = printed(answers_of(data))
    for way in data.draw(ways):
        text = way(text)
    seen = read(text)
    if seen is not None:
        assert all(isinstance(one.code, int) for one in seen.answers.values())
