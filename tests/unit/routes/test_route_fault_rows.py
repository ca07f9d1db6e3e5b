"""docs/verification.md has a row for each fault of tests/lab/route_faults.py, with its cause; each cause is one that there is."""

import ast
import re

import pytest

from tasks.routes.causes import catalogue
from tests.conftest import CHECKOUT
from tests.lab.route_faults import ROWS

PAGE = (CHECKOUT / "docs/verification.md").read_text(encoding="utf-8")
CAUSES = {type(cause).__name__ for cause in catalogue.EVERY}
LEAST_ROWS = 30
FAULTS, _, BY_TABLES = PAGE.partition("## Faults")[2].partition("\n## ")[0].partition("### By tables of cases alone")
NAMED = re.findall(r"(tests/\S+\.py)::(\w+)", BY_TABLES)


def test_the_page_has_the_rows_of_the_lab() -> None:
    rows = re.findall(r"^\| (?!fault |---)(.+?) \| `(\w+)` \| (.+?) \|$", FAULTS, re.MULTILINE)
    assert rows == [(row.what, row.cause, ", ".join(row.at)) for row in ROWS.values()]


def test_the_page_counts_them() -> None:
    assert f"Of the {len(ROWS)} rows " in FAULTS


def test_what_the_lab_does_not_make_names_a_test_in_each_row() -> None:
    rows = [line for line in BY_TABLES.splitlines() if re.match(r"\| (?!fault )\w", line)]
    assert rows
    assert all("::test_" in line.rsplit("|", 2)[1] for line in rows)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(path: str, name: str) -> None:
    tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_there_are_enough_of_them_and_each_names_a_cause_that_there_is() -> None:
    assert len(ROWS) >= LEAST_ROWS
    assert {row.cause for row in ROWS.values()} <= CAUSES
    assert len({row.what for row in ROWS.values()}) == len(ROWS)


def test_every_row_has_proofs_of_somebody() -> None:
    assert all(row.proof and all(row.proof.values()) for row in ROWS.values())
