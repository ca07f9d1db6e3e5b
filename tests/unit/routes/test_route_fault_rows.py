"""docs/verification.md has a row for each fault of tests/lab/route_faults.py, with its cause; each cause is one that there is."""

import re

from tasks.routes.causes import catalogue
from tests.conftest import CHECKOUT
from tests.lab.route_faults import ROWS

PAGE = (CHECKOUT / "docs/verification.md").read_text(encoding="utf-8")
CAUSES = {type(cause).__name__ for cause in catalogue.EVERY}
LEAST_ROWS = 30


def test_the_page_has_the_rows_of_the_lab() -> None:
    table = PAGE.partition("## Faults")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!fault |---)(.+?) \| `(\w+)` \| (.+?) \|$", table, re.MULTILINE)
    assert rows == [(row.what, row.cause, ", ".join(row.at)) for row in ROWS.values()]


def test_there_are_enough_of_them_and_each_names_a_cause_that_there_is() -> None:
    assert len(ROWS) >= LEAST_ROWS
    assert {row.cause for row in ROWS.values()} <= CAUSES
    assert len({row.what for row in ROWS.values()}) == len(ROWS)


def test_every_row_has_proofs_of_somebody() -> None:
    assert all(row.proof and all(row.proof.values()) for row in ROWS.values())
