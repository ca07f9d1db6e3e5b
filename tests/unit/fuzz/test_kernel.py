"""Routes of the kernel in every form that a Linux router may print them in, mangled: refused, or none that the text does not have."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms import kernel
from tasks.platforms.kernel_questions import PROC
from tasks.platforms.seen import KernelRoute
from tests.conftest import LOADER
from tests.unit.fuzz.mangling import Cut, fuzzed, part, read_or_refused, ways
from tests.unit.routes.test_kernel import FOLDER, PROBES, SIX, flows

FORMS: dict[str, str] = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)["said"]  # noqa: S506  a safe loader, by libyaml
    for path in sorted(Path(FOLDER).glob("*.yaml"))
}
forms = st.sampled_from(sorted(FORMS))


def routes(text: str) -> list[KernelRoute]:
    """What is read; nothing where it is refused."""
    found = read_or_refused(lambda: kernel.read_routes([Answer(0, text)]), {})
    return [route for some in found.values() for route in some]


def made_up(found: Iterable[KernelRoute], text: str) -> list[KernelRoute]:
    """The routes whose prefix or next hop the text does not have."""
    return [
        one
        for one in found
        if (str(one.prefix.network_address) not in text and "default" not in text)
        or not all(hop.removeprefix("dev ") in text for hop in one.hops if hop != "nowhere")
    ]


@fuzzed
@given(form=forms, done=ways)
def test_no_route_is_made_up(form: str, done: list[Callable[[str], str]]) -> None:
    text = FORMS[form]
    for way in done:
        text = way(text)
    found = routes(text)
    if PROC not in text:  # its addresses are numbers of the processor's own
        assert made_up(found, text) == []


@fuzzed
@given(form=forms, place=part)
def test_a_cut_changes_no_route_but_the_last(form: str, place: float) -> None:
    """Each is as it was, or is the one that the cut goes through."""
    whole = routes(FORMS[form])
    found = routes(Cut(place)(FORMS[form]))
    assert [one for one in found[:-1] if one not in whole] == []


@fuzzed
@given(done=ways)
def test_next_hops_of_flows_are_those_that_were_said(done: list[Callable[[str], str]]) -> None:
    text = flows(SIX).text
    for way in done:
        text = way(text)
    found = read_or_refused(lambda: kernel.read_lookups(Answer(0, text), PROBES), {})
    assert all(one is None or all(hop.removeprefix("dev ") in text for hop in one.hops) for one in found.values())


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_measure_is_one_that_real_answers_pass(form: str) -> None:
    found = routes(FORMS[form])
    if PROC not in FORMS[form]:
        assert made_up(found, FORMS[form]) == []


@fuzzed
@given(data=st.data(), done=ways)
def test_the_policy_of_hashing_is_a_number_or_unknown(data: Any, done: list[Callable[[str], str]]) -> None:
    text = data.draw(st.sampled_from(("0", "1\n", "2", "")))
    for way in done:
        text = way(text)
    policy = kernel.hash_policy({"hash policy": Answer(0, text)})
    assert policy is None or str(policy) in text


def test_lookups_of_which_some_are_lost_are_no_answer() -> None:
    """A rule may lead an address elsewhere: what its lookup would have said is not in the main table."""
    whole = '[{"dst":"10.33.6.0/24","gateway":"10.31.90.1","dev":"eth0"}]\n[{"dst":"127.0.0.1","dev":"lo"}]\n'
    both = Answer(0, whole + '[{"dst":"10.31.90.1","dev":"eth0"}]\n[{"dst":"127.0.0.1","dev":"lo"}]\n')
    assert len(kernel.read_lookups(both, PROBES)) == 2
    with pytest.raises(CommandError, match="1 of 2 answers"):
        kernel.read_lookups(Answer(0, whole), PROBES)
    assert kernel.read_lookups(Answer(0, ""), PROBES) == {}  # an ip that does not know fibmatch
