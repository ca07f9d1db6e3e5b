"""Selectors of Calico, as BGPPeers choose their nodes by labels (calico: libcalico-go/lib/selector, its tokenizer and parser). Pure."""

import re
from collections.abc import Callable, Mapping
from functools import cache

Labels = Mapping[str, str]
Test = Callable[[Labels], bool]
TOKEN = re.compile(
    r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign>&&|\|\||==|!=|!|\(|\)|\{|\}|,)|(?P<word>[A-Za-z0-9_./-]+))"
)
VALUES: Mapping[str, Callable[[str, str], bool]] = {
    "==": lambda found, wanted: found == wanted,
    "contains": lambda found, wanted: wanted in found,
    "starts": lambda found, wanted: found.startswith(wanted),
    "ends": lambda found, wanted: found.endswith(wanted),
}


class SelectorError(ValueError):
    """A text is no selector that is known here."""


@cache
def selector(text: str) -> Test:
    """What a selector says of labels; an empty one takes all.

    Raises:
        SelectorError: it is none.

    """
    words = _Words(text)
    if not words.left:
        return lambda _: True
    test = _any(words)
    if words.left:
        raise SelectorError(f"{text!r} goes on with {words.left[0]!r} where it should end")
    return test


class _Words:
    """The tokens that are left."""

    def __init__(self, text: str) -> None:
        self.text, self.left, place = text, [], 0
        stripped = text.rstrip()
        while place < len(stripped):
            found = TOKEN.match(stripped, place)
            if found is None:
                raise SelectorError(f"{text!r} has a sign that no selector has, at {stripped[place:][:10]!r}")
            self.left.append(found[0].strip())
            place = found.end()

    left: list[str]

    def take(self, *wanted: str) -> str:
        """The next one, if it is one of these; else ""."""
        return self.left.pop(0) if self.left and self.left[0] in wanted else ""

    def must(self, *wanted: str) -> None:
        for one in wanted:
            if not self.take(one):
                raise SelectorError(f"{self.text!r} lacks {one!r}")

    def value(self) -> str:
        """A text in quotes."""
        if self.left and self.left[0][0] in "\"'":
            return self.left.pop(0)[1:-1]
        raise SelectorError(f"{self.text!r} lacks a value in quotes")

    def word(self) -> str:
        if self.left and re.fullmatch(r"[A-Za-z0-9_./-]+", self.left[0]):
            return self.left.pop(0)
        raise SelectorError(f"{self.text!r} lacks a label")


def _any(words: _Words) -> Test:
    tests = [_all(words)]
    while words.take("||"):
        tests.append(_all(words))
    return tests[0] if len(tests) == 1 else lambda labels: any(test(labels) for test in tests)


def _all(words: _Words) -> Test:
    tests = [_one(words)]
    while words.take("&&"):
        tests.append(_one(words))
    return tests[0] if len(tests) == 1 else lambda labels: all(test(labels) for test in tests)


def _one(words: _Words) -> Test:
    if words.take("!"):
        denied = _one(words)
        return lambda labels: not denied(labels)
    if words.take("("):
        inner = _any(words)
        words.must(")")
        return inner
    label = words.word()
    if label in ("all", "global") and words.take("("):
        words.must(")")
        return (lambda _: True) if label == "all" else (lambda _: False)  # a node is never global
    if label == "has" and words.take("("):
        name = words.word()
        words.must(")")
        return lambda labels: name in labels
    return _of_label(words, label)


def _of_label(words: _Words, label: str) -> Test:
    if words.take("=="):
        return _valued(label, "==", words.value())
    if words.take("!="):
        wanted = words.value()
        return lambda labels: labels.get(label) != wanted  # true without the label, too
    if words.take("contains"):
        return _valued(label, "contains", words.value())
    for kind in ("starts", "ends"):
        if words.take(kind):
            words.must("with")
            return _valued(label, kind, words.value())
    absent = bool(words.take("not"))
    words.must("in")
    among = _values(words)
    if absent:
        return lambda labels: labels.get(label) not in among
    return lambda labels: labels.get(label) in among


def _valued(label: str, kind: str, wanted: str) -> Test:
    holds = VALUES[kind]
    return lambda labels: label in labels and holds(labels[label], wanted)


def _values(words: _Words) -> frozenset[str]:
    words.must("{")
    found: list[str] = []
    while not words.take("}"):
        if found:
            words.must(",")
        found.append(words.value())
    return frozenset(found)
