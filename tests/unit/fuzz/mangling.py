"""What may happen to an answer on its way: it is cut off, lines are lost, doubled or come from somebody else, values are of another kind.

Each strategy draws a function, so that a failure that hypothesis has made small says what was done to which answer.
"""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from kubepeer.errors import KubepeerError
from tasks.linux.observe import Answer

Read = TypeVar("Read")
THOROUGH = "thorough"  # pytest --hypothesis-profile thorough: more examples, and others in each run
# In all other runs the examples are the same each time: what they find they find for whoever has changed something.
fuzzed = settings(deadline=None, derandomize=settings.get_current_profile_name() != THOROUGH)

# What consoles and daemons put between the lines of an answer.
STRANGE = (
    "% Invalid input detected at '^' marker.",
    "*Nov 26 10:00:00.123: %BGP-5-ADJCHANGE: neighbor 10.31.90.1 Down BGP Notification sent",
    " --More-- ",
    "Connection reset by peer",
    "\x1b[7m\x07",
    "[]",
    "{}",
    "null",
    "edge#",
    "10.31.90.1",
)
KINDS: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "x", "10.31.90.1", [], [None], {}, {"x": []})


@dataclass(frozen=True)
class Cut:
    """The end is lost, from a place that is given as a part of the whole."""

    part: float

    def __call__(self, text: str) -> str:
        return text[: int(len(text) * self.part)]


@dataclass(frozen=True)
class Lost:
    """Lines are lost."""

    part: float
    count: int

    def __call__(self, text: str) -> str:
        lines = text.split("\n")
        start = int(len(lines) * self.part)
        return "\n".join([*lines[:start], *lines[start + self.count :]])


@dataclass(frozen=True)
class Doubled:
    """A line comes twice."""

    part: float

    def __call__(self, text: str) -> str:
        lines = text.split("\n")
        start = int(len(lines) * self.part)
        return "\n".join([*lines[: start + 1], *lines[start:]])


@dataclass(frozen=True)
class Between:
    """Something else stands in the text, as a line of its own or in the middle of one."""

    part: float
    what: str
    own_line: bool

    def __call__(self, text: str) -> str:
        place = int(len(text) * self.part)
        if self.own_line:
            place = text.rfind("\n", 0, place) + 1
        return text[:place] + self.what + ("\n" if self.own_line else "") + text[place:]


@dataclass(frozen=True)
class Hole:
    """Some signs in the middle are lost."""

    part: float
    count: int

    def __call__(self, text: str) -> str:
        place = int(len(text) * self.part)
        return text[:place] + text[place + self.count :]


@dataclass(frozen=True)
class Replaced:
    """Something else was said."""

    by: str

    def __call__(self, _: str) -> str:
        return self.by


@dataclass(frozen=True)
class AnotherKind:
    """In a document of JSON, a value is of another kind or is not there; the path is one of numbers: the how manieth of each level."""

    path: tuple[int, ...]
    value: Any
    gone: bool

    def __call__(self, text: str) -> str:
        try:
            document = json.loads(text)
        except ValueError:
            return text
        return json.dumps(changed(document, self.path, self.value, gone=self.gone))


def changed(document: Any, path: tuple[int, ...], value: Any, *, gone: bool) -> Any:
    """A document with another value at the end of a path, or without it."""
    whole = [copy.deepcopy(document)]
    above: Any = whole
    key: Any = 0
    for number in path:
        here = above[key]
        if not isinstance(here, dict | list) or not here:
            break
        above, key = here, list(here)[number % len(here)] if isinstance(here, dict) else number % len(here)
    if gone and above is not whole:
        del above[key]
    else:
        above[key] = value
    return whole[0]


def read_or_refused(read: Callable[[], Read], otherwise: Read) -> Read:
    """What is read; what stands for nothing where it is refused, which is one line of our own."""
    try:
        return read()
    except KubepeerError as error:
        said = str(error)
    assert said
    assert "\n" not in said
    return otherwise


part = st.floats(0, 1, exclude_max=True)
paths = st.lists(st.integers(0, 40), min_size=1, max_size=9).map(tuple)
cuts = part.map(Cut)
manglings: st.SearchStrategy[Callable[[str], str]] = st.one_of(
    cuts,
    st.builds(Lost, part, st.integers(1, 5)),
    st.builds(Doubled, part),
    st.builds(Between, part, st.sampled_from(STRANGE) | st.text(max_size=20), st.booleans()),
    st.builds(Hole, part, st.integers(1, 40)),
    st.builds(Replaced, st.sampled_from(("", *STRANGE)) | st.text(max_size=40)),
    st.builds(AnotherKind, paths, st.sampled_from(KINDS), st.booleans()),
)
ways = st.lists(manglings, min_size=1, max_size=2)


def mangled(
    answers: Mapping[str, Answer], question: str, ways: list[Callable[[str], str]], code: int
) -> dict[str, Answer]:
    """The answers, of which one has suffered."""
    text = answers[question].text
    for way in ways:
        text = way(text)
    return {**answers, question: Answer(code, text)}
