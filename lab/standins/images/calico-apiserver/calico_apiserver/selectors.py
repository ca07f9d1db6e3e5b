"""Whether a selector can be read: Calico's own language, of which only the grammar counts here."""

import re

_TOKEN = re.compile(
    r"\s*(?:(?P<sign>&&|\|\||==|!=|[!(){},])|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<word>(?:starts\s+with|ends\s+with|not\s+in)\b|[A-Za-z0-9_./-]+))"
)
_COMPARE = {"==", "!="}
_STRINGS = {"contains", "starts with", "ends with"}


class SelectorError(ValueError):
    """A selector cannot be read."""


class _Reader:
    """Reads from left to right, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, place = text, list[tuple[str, str]](), 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None:
                raise SelectorError(f"unexpected characters after {text[:place]!r}")
            self._tokens.append((str(match.lastgroup), " ".join(match.group(match.lastgroup or 0).split())))
            place = match.end()

    def whole(self) -> None:
        self._either()
        if self._tokens:
            raise SelectorError(f"unexpected content at end: {self._tokens[0][1]}")

    def _next(self) -> str:
        return self._tokens[0][1] if self._tokens else ""

    def _take(self, kind: str, *choices: str) -> str:
        if not self._tokens or self._tokens[0][0] != kind or (choices and self._tokens[0][1] not in choices):
            raise SelectorError(f"expected {' or '.join(choices) or kind}, got {self._next() or 'the end'}")
        return self._tokens.pop(0)[1]

    def _either(self) -> None:
        self._both()
        while self._next() == "||":
            self._take("sign")
            self._both()

    def _both(self) -> None:
        self._one()
        while self._next() == "&&":
            self._take("sign")
            self._one()

    def _one(self) -> None:
        while self._next() == "!":
            self._take("sign")
        if self._next() == "(":
            self._take("sign")
            self._either()
            self._take("sign", ")")
            return
        word = self._take("word")
        if self._next() == "(" and word in {"has", "all", "global"}:
            self._take("sign")
            if word == "has":
                self._take("word")
            self._take("sign", ")")
            return
        operator = self._next()
        if operator in _COMPARE:
            self._take("sign")
            self._take("text")
        elif operator in _STRINGS:
            self._take("word")
            self._take("text")
        else:
            self._take("word", "in", "not in")
            self._set()

    def _set(self) -> None:
        self._take("sign", "{")
        while self._next() != "}":
            self._take("text")
            if self._next() != "}":
                self._take("sign", ",")
        self._take("sign", "}")


def check(selector: str) -> None:
    """Read a selector; an empty one is everything.

    Raises:
        SelectorError: it cannot be read.

    """
    if selector.strip():
        _Reader(selector).whole()
