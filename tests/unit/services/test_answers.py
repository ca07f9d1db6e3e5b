"""What a probing host has counted, and what is wrong with it."""

import pytest

from tasks.services.answers import Counted, complaint, owned, parse
from tasks.services.matrix import Cell
from tests.unit.services.parts import TARGETS, source

SAID = """0 from 2 10.32.0.10
dash: 1: something of the shell's
1 from 150 10.31.90.5
1 from 140 10.31.90.6
1 not 10 curl: (28)
2 not 3 wget: 1
2 not 1 wget: 143
3 not 1 answer: <html>
4 size 1450
4 echo 0 1400
4 from 38 10.31.90.5
"""


def test_answers_are_read_by_the_number_of_their_cell() -> None:
    assert parse(SAID) == {
        0: Counted({"10.32.0.10": 2}),
        1: Counted({"10.31.90.5": 150, "10.31.90.6": 140}, {"timed out": 10}),
        2: Counted({}, {"no answer": 4}),
        3: Counted({}, {"answer: <html>": 1}),
        4: Counted({"10.31.90.5": 38}, {}, 1450, 0, 1400),
    }


def test_own_addresses_are_those_that_others_can_answer() -> None:
    assert owned("10.32.0.10\n127.0.0.1\n\n") == {"10.32.0.10"}


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (Counted({"10.31.90.4": 8}), ""),
        (Counted(), "nothing was tried before the time was up"),
        (Counted({"10.31.90.4": 6}, {"timed out": 2}), "2 of 8 not answered (timed out)"),
        (Counted({"10.32.0.10": 8}), "the server saw 10.32.0.10 instead of 10.31.90.4"),
        (
            Counted({"10.32.0.10": 6, "10.31.90.4": 1}, {"timed out": 1}),
            "1 of 8 not answered (timed out); the server saw 10.32.0.10 instead of 10.31.90.4",
        ),
    ],
)
def test_a_cell_is_wrong_in_these_words(counted: Counted, said: str) -> None:
    cell = Cell(source("client"), TARGETS["node-port on worker-4"], 8)
    assert complaint(cell, counted, ["10.31.90.4"]) == said


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (Counted({"10.32.0.10": 40}, {}, 1450, 3), ""),
        (Counted({"10.32.0.10": 40}, {}, 1450, None), ""),
        (Counted({}, {}, 1450, 3), ""),
        (Counted({"10.32.0.10": 40}, {}, 1450, 0), "no echo of 1450 bytes came back"),
        (
            Counted({}, {"timed out": 40}, 1450, 0, 1400),
            "40 of 40 not answered (timed out); no echo of 1450 bytes came back, a router on the way told of 1400",
        ),
    ],
)
def test_a_path_is_too_small_in_these_words(counted: Counted, said: str) -> None:
    assert complaint(Cell(source("client"), TARGETS["pod on worker-4"], 40, full=True), counted, ()) == said
