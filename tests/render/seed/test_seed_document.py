"""docs/seed.md is what is made from the data, and what the data say of code and tests is so."""

import ast
import functools
from pathlib import Path

import pytest
from pydantic import BaseModel

from kubepeer.intent import Intent
from tests.conftest import CHECKOUT, untouched
from tests.render.seed.document import document
from tests.render.seed.steps import Step, sections, steps
from tests.render.seed.subjects import SUBJECTS

SECTIONS = [
    *(f"1.{number}" for number in range(1, 11)),
    "2.1",
    "2.2",
    "2.3",
    "3",
    *(f"4.{number}" for number in range(5)),
    *(f"5.{number}" for number in range(1, 4)),
    "6",
    "7",
]
DOCUMENT = CHECKOUT / "docs" / "seed.md"
TESTS = sorted({test for step in steps() for test in step.tests})
PLACES = sorted({place for step in steps() for place in step.where})


@functools.cache
def functions(path: Path) -> frozenset[str]:
    """The names of the functions that a module has at its top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@functools.cache
def cases(path: Path, function: str) -> frozenset[str]:
    """The cases of a table on disk: of the folder that the test is marked with; or the subjects, where the test runs over those."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (test,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    found: set[str] = set()
    for mark in test.decorator_list:
        said = ast.unparse(mark)
        if said.startswith("pytest.mark.cases("):
            folder = path.parent / ast.literal_eval(mark.args[0]) if isinstance(mark, ast.Call) else path
            found |= {file.stem for file in folder.glob("*.yaml")}
        elif said == "pytest.mark.parametrize('subject', SUBJECTS)":
            found |= set(SUBJECTS)
    return frozenset(found)


def test_the_document_is_what_is_made_from_the_data(pytestconfig: pytest.Config) -> None:
    text = document(untouched("seed"))
    if pytestconfig.getoption("update_golden"):
        DOCUMENT.write_text(text, encoding="utf-8")
    assert text == DOCUMENT.read_text(encoding="utf-8")


def test_every_section_of_the_tutorial_has_its_steps_in_order() -> None:
    assert list(sections()) == SECTIONS
    assert list(dict.fromkeys(step.section for step in steps())) == SECTIONS


@pytest.mark.parametrize("step", steps(), ids=lambda step: f"{step.section} {step.step}")
def test_what_is_done_says_where_and_by_which_test_and_what_is_not_says_neither(step: Step) -> None:
    assert step.state in {"done", "rendered", "left out"}
    built = step.state in {"done", "rendered"}
    assert (bool(step.where), bool(step.tests)) == (built, built)
    assert step.note or step.state not in {"rendered", "left out"}


def is_there(test: str) -> bool:
    name, _, function = test.partition("::")
    function, _, case = function.partition("[")
    path = CHECKOUT / name
    return function in functions(path) and (not case or case.removesuffix("]") in cases(path, function))


@pytest.mark.parametrize("test", TESTS)
def test_a_named_test_is_there(test: str) -> None:
    assert is_there(test)


PLAN = "tests/unit/nodes/test_plan.py"
OURS = "tests/render/seed/test_seed_files.py::test_ours_is_the_tutorials_but_for_listed_differences"


@pytest.mark.parametrize(
    "test",
    [
        f"{PLAN}::test_that_nobody_wrote",
        f"{PLAN}::seen_of",
        f"{PLAN}::test_the_plan_is_these_changes_in_this_order[a_case_that_nobody_wrote]",
        f"{OURS}[a_file_that_is_none]",
    ],
)
def test_a_test_that_is_not_there_is_found_out(test: str) -> None:
    assert not is_there(test)


@pytest.mark.parametrize("place", PLACES)
def test_a_named_place_is_there(place: str) -> None:
    name, _, function = place.partition(":")
    assert (CHECKOUT / name).is_file()
    assert not function or function in functions(CHECKOUT / name)


def test_each_file_of_the_tutorial_is_named_by_a_step_of_its_section() -> None:
    for name, subject in SUBJECTS.items():
        ending = f"::test_ours_is_the_tutorials_but_for_listed_differences[{name}]"
        named = {step.section for step in steps() if any(test.endswith(ending) for test in step.tests)}
        assert named >= set(subject.section.split(", ")), name


def keys_of(section: BaseModel) -> set[str]:
    """As the inventory has them."""
    return {field.alias or name for name, field in type(section).model_fields.items()}


def test_a_key_that_a_step_names_is_one_of_the_inventory() -> None:
    intent: Intent = untouched("seed")
    for step in steps():
        for key in step.keys:
            section, _, below = key.partition(".")
            assert section in keys_of(intent), key
            assert not below or below.partition(".")[0] in keys_of(getattr(intent, section)), key
