"""The steps of the tutorial's sections 1 to 4 and 7, as steps.yaml lists them."""

import functools
from typing import Any, Literal, NamedTuple

import yaml

from tests.render.seed.comparison import HOME

State = Literal["done", "rendered", "left out"]


class Step(NamedTuple):
    """One of them.

    Attributes:
        section: of the tutorial.
        step: what is done there.
        state: what was built of it.
        keys: of the inventory, on which it depends.
        where: FILE or FILE:FUNCTION that does it.
        tests: FILE::NAME or FILE::NAME[CASE] that hold it.
        note: what is to be known besides.

    """

    section: str
    step: str
    state: State
    keys: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    note: str = ""


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((HOME / "steps.yaml").read_text(encoding="utf-8"))
    return document


def sections() -> dict[str, str]:
    """The tutorial's sections and what they are about."""
    return dict(_document()["sections"])


def steps() -> tuple[Step, ...]:
    """All of them, in the tutorial's order."""
    return tuple(Step(**entry) for entry in _document()["steps"])
