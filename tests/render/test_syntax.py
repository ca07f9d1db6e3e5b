"""What no lab can judge: each line for EOS, IOS, NX-OS, Junos and VyOS, held to the syntax that is published, each with its source.

This shows that nobody wrote a statement that its vendor does not document. It is no substitute for a router.
"""

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.render.router_variants import every, inventory, rendered

HOME = Path(__file__).parent / "syntax"
PLATFORMS = sorted(path.stem for path in HOME.glob("*.yaml"))
FORMS = {
    "<name>": r"(?!\d)[A-Za-z0-9-]+",
    "<number>": r"\d+",
    "<ip>": r"\d+\.\d+\.\d+\.\d+",
    "<net>": r"\d+\.\d+\.\d+\.\d+/\d+",
    "<community>": r"\d+:\d+",
    "<large>": r"\d+:\d+:\d+",
    "<text>": r"[\w ,.-]+",
    "<secret>": r"\S+",
}


@functools.cache
def grammar(platform: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((HOME / f"{platform}.yaml").read_text(encoding="utf-8"))
    return document


@functools.cache
def patterns(platform: str) -> list[str]:
    return [re.sub("<[a-z]+>", lambda form: FORMS[form[0]], line["pattern"]) for line in grammar(platform)["lines"]]


def lines(platform: str, intent_of: Any) -> set[str]:
    variants = [variant for variant, of in every() if of == platform]
    texts = (rendered(variant, platform, intent_of(**inventory(variant, platform))) for variant in variants)
    return {line.strip() for text in texts for line in text.splitlines()} - {"!"}


def matching(platform: str, line: str) -> list[str]:
    return [pattern for pattern in patterns(platform) if re.fullmatch(pattern, line)]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_line_is_of_the_published_syntax_and_of_one_statement_alone(platform: str, intent_of: Any) -> None:
    wrong = {line: found for line in lines(platform, intent_of) if len(found := matching(platform, line)) != 1}
    assert wrong == {}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_statement_of_the_grammar_is_unused(platform: str, intent_of: Any) -> None:
    used = {pattern for line in lines(platform, intent_of) for pattern in matching(platform, line)}
    assert [pattern for pattern in patterns(platform) if pattern not in used] == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_statement_names_a_source_that_the_file_describes(platform: str) -> None:
    document = grammar(platform)
    for line in document["lines"]:
        for source in line["source"].split("; "):
            assert any(source.startswith(name) for name in document["sources"]), line


@pytest.mark.parametrize(
    ("platform", "line"),
    [
        ("eos", "neighbor KUBEPEER peer-groups"),
        ("ios", "neighbor KUBEPEER maximum-routes 1000"),
        ("nxos", "ttl-security hops 1"),
        ("junos", "set protocols bgp group KUBEPEER maximum-prefix 1000"),
        ("vyos", "set protocols bgp peer-group KUBEPEER timers holdtime '9'"),
    ],
)
def test_a_line_of_another_syntax_is_found_out(platform: str, line: str) -> None:
    assert matching(platform, line) == []
