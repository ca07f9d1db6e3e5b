"""Fragments laid over a file: one file a case, the fragment and the lines of the diff."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
import yaml

from napalm_bird.merge import overlay
from napalm_bird.syntax import SyntaxRefused, require_whole, statements

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
BASE = (HERE / "base.conf").read_text(encoding="utf-8")


def load(case: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(case.read_text(encoding="utf-8"))
    return content


def changes(before: str, after: str) -> str:
    lines = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    return "".join(f"{line}\n" for line in lines if not line.startswith("@@"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_fragment_changes_just_this(case: Path) -> None:
    content = load(case)
    assert changes(BASE, overlay(BASE, content["fragment"]).text) == content["diff"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_same_fragment_again_changes_nothing(case: Path) -> None:
    fragment = load(case)["fragment"]
    once = overlay(BASE, fragment).text
    assert overlay(once, fragment).text == once


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_line_of_the_result_is_traced_to_the_fragment(case: Path) -> None:
    fragment = load(case)["fragment"]
    merged = overlay(BASE, fragment)
    given, made = fragment.splitlines(), merged.text.splitlines()
    for number, line in enumerate(made, start=1):
        origin = merged.origin(number)
        if origin is not None:
            assert given[origin - 1].find(line.strip()) >= 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_into_an_empty_file_the_fragment_goes_as_it_is(case: Path) -> None:
    fragment = load(case)["fragment"]
    words = [one.tokens for one in statements(fragment)[0]]
    assert [one.tokens for one in statements(overlay("", fragment).text)[0]] == words


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("protocol bgp x {\n neighbor 10.0.0.1 as 5;\n", "line 1: protocol ... has no end"),
        ("\nfilter x { accept; }}\n", "line 2: } closes nothing"),
        ('define X = "one\n;\n', "line 1: a string without its end"),
        ("define X = 1;\n/* never\n", "line 2: a comment without its end"),
        ("define X = 1\n", "line 1: define ... has no end"),
    ],
)
def test_what_cannot_be_cut_into_statements_is_refused(fragment: str, said: str) -> None:
    with pytest.raises(SyntaxRefused) as refused:
        overlay(BASE, fragment)
    assert str(refused.value) == said


def test_an_include_must_mean_the_same_wherever_the_file_lies() -> None:
    require_whole('include "/etc/bird/more.conf";\n')
    with pytest.raises(SyntaxRefused, match="line 4: an include must name an absolute path"):
        require_whole('define A = 1;\nprotocol static x {\n\tipv4;\n\tinclude "more.conf";\n}\n')


def test_what_stands_on_one_line_stays_there() -> None:
    standing = "define A = 1; define B = 2; # both\nfilter x { accept; } filter y { reject; }\n"
    assert overlay(standing, "define C = 3;\n").text == standing + "define C = 3;\n"
    assert overlay(standing, "define A = 3; # new\n").text.startswith("define A = 3; # new\n define B = 2; # both\n")


def test_a_file_with_every_kind_of_statement_laid_over_itself_is_itself() -> None:
    text = (HERE.parent / "full" / "every-kind.conf").read_text(encoding="utf-8")
    assert overlay(text, text).text == text
    assert overlay(text, "protocol static full_new { ipv4; }\n").text == text + "protocol static full_new { ipv4; }\n"
