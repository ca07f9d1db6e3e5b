"""Which tests run when (tests/lab/tiers.py)."""

from tests.lab.tiers import FAULTS_ALWAYS, draw

FAULTS = {f"fault {number}" for number in range(12)}


def test_the_same_commit_draws_the_same_six_faults() -> None:
    assert len(draw(FAULTS, "one")) == FAULTS_ALWAYS
    assert draw(FAULTS, "one") == draw(sorted(FAULTS), "one")


def test_every_fault_is_drawn_by_some_commit() -> None:
    assert set().union(*(draw(FAULTS, f"commit {number}") for number in range(40))) == FAULTS
