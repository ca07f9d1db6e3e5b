"""Whatever becomes of a router's answers: one clear error, or a reading in which nothing is right that is not in them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepeer.checks import Finding
from kubepeer.intent.families import Address, Network
from tasks.linux.observe import Answer
from tasks.platforms.platform import PLATFORMS as REGISTRY
from tasks.routes.checks import LAYERS, Case, judge
from tasks.routes.expected import Announced
from tests.unit.fuzz.mangling import Cut, cuts, fuzzed, mangled, read_or_refused, ways
from tests.unit.platforms import recordings
from tests.unit.platforms import test_driver_readers as drivers

# By which questions a platform tells of a layer.
EVIDENCE = {
    "session": ("neighbours", "protocols", "sessions"),
    "bgp": ("bgp", "paths", "sent"),
    "rib": ("rib", "exported", "paths"),
    "kernel": ("kernel", "lookups", "cef"),
}
OF_A_PLATFORM = {
    "junos": {"bgp": ("rib",)},  # one answer tells of both
    "eos": {"kernel": ("rib",)},  # a route tells of itself whether it is forwarded
}


@dataclass(frozen=True)
class Recorded:
    """A router that has answered, and what a cluster should have on it."""

    reader: Any
    answers: Mapping[str, Answer]
    announced: Announced
    networks: tuple[IPv4Network, ...]
    nodes: tuple[Address, ...]
    probes: Mapping[Network, Address]

    @cached_property
    def right(self) -> set[tuple[str, ...]]:
        return right(self.judged(self.answers))

    def judged(self, answers: Mapping[str, Answer]) -> tuple[Finding, ...]:
        seen = self.reader.read(answers, self.probes)
        return judge(Case("r", self.announced, seen, self.networks, dict.fromkeys(self.nodes, "")))


@cache
def of_a_shell(name: str) -> Recorded:
    answers = recordings.answers(name)
    shared = recordings.tutorial(), recordings.NETWORKS, tuple(recordings.NODES), recordings.PROBES
    return Recorded(recordings.reader(name), answers, *shared)


@cache
def of_a_driver(path: Path) -> Recorded:
    document = drivers.case(path)
    announced = Announced(drivers.ROUTES, {address: f"node-{address}" for address in drivers.NODES})
    reader = drivers.reader(path.parts[-3], document.get("vrf"))
    return Recorded(
        reader, drivers.answers(document), announced, drivers.NETWORKS, tuple(drivers.NODES), drivers.PROBES
    )


OF_TABLES = ("bird", "ios", "nxos")  # whose answers are lines; a shell's end is told by its mark (test_transport.py)
NOT_RUNNING = ("bgpd-not-running", "bird/bird-not-running")  # these are errors from the beginning
SHELLS = [name for name in recordings.names("recorded", ".json") if name not in NOT_RUNNING]
PLATFORMS: dict[str, list[Callable[[], Recorded]]] = {
    "frr": [lambda name=name: of_a_shell(name) for name in SHELLS if "/" not in name],
    "bird": [lambda name=name: of_a_shell(name) for name in SHELLS if name.startswith("bird/")],
    "vyos": [lambda name=name: of_a_shell(name) for name in SHELLS if name.startswith("vyos/")],
    **{
        name: [lambda path=path: of_a_driver(path) for path in drivers.CASES if path.parts[-3] == name]
        for name in sorted({path.parts[-3] for path in drivers.CASES})
    },
}
every_platform = pytest.mark.parametrize("platform", PLATFORMS)


def holds(text: str, word: str) -> bool:
    """Whether a word is in a text, and not as a part of a longer number or address."""
    return re.search(rf"(?<![\d.:]){re.escape(word)}(?![\w.:]*\w)", text) is not None


def unsupported(platform: str, findings: Iterable[Finding], answers: Mapping[str, Answer]) -> list[Finding]:
    """The findings that are right although the answers do not have what they say."""
    said = {
        layer: "\n".join(answer.text for name, answer in answers.items() if name.split(" ")[0] in kinds)
        for layer, kinds in {**EVIDENCE, **OF_A_PLATFORM.get(platform, {})}.items()
    }
    wrong = []
    for finding in findings:
        if finding.ok and finding.check in (*LAYERS.values(), "session"):
            text = said["session" if finding.check == "session" else finding.layer]
            subject = finding.subject.removesuffix("/32")
            address = subject.partition("/")[0]
            named = holds(text, subject) or holds(text, address)
            hops = () if finding.check == "session" else finding.expected
            if not named or not all(holds(text, hop.removeprefix("dev ")) for hop in hops):
                wrong.append(finding)
    return wrong


def judged_or_refused(recorded: Recorded, answers: Mapping[str, Answer]) -> tuple[Finding, ...]:
    """What is found; nothing where the answers are refused."""
    return read_or_refused(lambda: recorded.judged(answers), ())


@every_platform
def test_what_is_right_is_said_in_the_recordings(platform: str) -> None:
    """The measure of the tests below is one that real answers pass."""
    for make in PLATFORMS[platform]:
        recorded = make()
        assert unsupported(platform, recorded.judged(recorded.answers), recorded.answers) == []


@every_platform
@fuzzed
@given(data=st.data())
def test_what_is_not_said_any_more_is_never_right(platform: str, data: Any) -> None:
    recorded = data.draw(st.sampled_from(PLATFORMS[platform]))()
    question = data.draw(st.sampled_from(sorted(recorded.answers)), label="question")
    done = data.draw(ways, label="done to it")
    left = mangled(recorded.answers, question, done, data.draw(st.sampled_from((0, 0, 0, 1)), label="code"))
    assert unsupported(platform, judged_or_refused(recorded, left), left) == []


@every_platform
@fuzzed
@given(data=st.data())
def test_a_fault_is_not_cured_by_the_loss_of_the_end(platform: str, data: Any) -> None:
    """A table whose last lines are lost is a shorter table; a line that is not whole, or a document, is never taken for one."""
    recorded = data.draw(st.sampled_from(PLATFORMS[platform]))()
    question = data.draw(st.sampled_from(sorted(recorded.answers)), label="question")
    not_cured(platform, recorded, question, data.draw(cuts))


PLACES = (0.05, 0.3, 0.5, 0.7, 0.95, 0.999)


@every_platform
def test_no_answer_of_any_fault_is_cured_by_a_cut(platform: str) -> None:
    """As above, every recording and every answer."""
    for make in PLATFORMS[platform]:
        recorded = make()
        if not all(one.ok for one in recorded.judged(recorded.answers)):
            for question in recorded.answers:
                for place in PLACES:
                    not_cured(platform, recorded, question, Cut(place))


def not_cured(platform: str, recorded: Recorded, question: str, cut: Cut) -> None:
    text = cut(recorded.answers[question].text)
    before, _, last = text.rpartition("\n")
    newly = cured(platform, recorded, question, text)
    if platform in OF_TABLES:
        assert not last.strip() or not newly or newly <= cured(platform, recorded, question, before)
        return
    assert not text.strip() or newly == set()
    assert not before.strip() or cured(platform, recorded, question, before) == set()


def cured(platform: str, recorded: Recorded, question: str, text: str) -> set[tuple[str, ...]]:
    """What is right where this is all that is left of an answer, and was not before."""
    left = {**recorded.answers, question: Answer(0, text)}
    findings = judged_or_refused(recorded, left)
    assert unsupported(platform, findings, left) == []
    return right(findings) - recorded.right


def right(findings: Iterable[Finding]) -> set[tuple[str, ...]]:
    return {(one.check, one.subject, one.layer) for one in findings if one.ok}


@every_platform
def test_a_platform_has_five_recordings_at_least(platform: str) -> None:
    assert len(PLATFORMS[platform]) >= 5


def test_every_platform_that_is_read_is_mangled_here() -> None:
    assert {name for name, platform in REGISTRY.items() if platform.reader} == {*PLATFORMS}
