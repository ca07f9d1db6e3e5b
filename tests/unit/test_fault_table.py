"""docs/faults.md has a row for each phase of deploy.py, and each test that it names is there."""

import ast
import re

import pytest

from tests.conftest import CHECKOUT
from tests.lab.cut_off import titles

PAGE = (CHECKOUT / "docs/faults.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| (?!phase)\w", line)
]


def test_every_phase_has_a_row_in_their_order() -> None:
    assert [row[0] for row in ROWS] == titles()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_all_of_it_and_names_a_test_that_there_is(row: list[str]) -> None:
    assert len(row) == 5
    assert all(row)
    path, _, name = row[-1].partition("::")
    tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
