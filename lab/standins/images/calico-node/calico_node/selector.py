"""Calico's selectors, as nodeSelector and peerSelector use them.

Grammar: docs.tigera.io, "Node selectors". all(), global(), has(k), k == 'v', k != 'v', k in {'v'}, k not in {'v'},
k contains 's', k starts with 's', k ends with 's', !, &&, ||, parentheses.
"""

import re
from collections.abc import Callable, Mapping

Selector = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')
          |(?P<sign>\|\||&&|==|!=|[!(){},])
          |(?P<word>[A-Za-z0-9_./-]+))""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[str | None, str], bool]] = {
    "==": lambda have, want: have == want,
    "!=": lambda have, want: have != want,
    "contains": lambda have, want: have is not None and want in have,
    "starts": lambda have, want: have is not None and have.startswith(want),
    "ends": lambda have, want: have is not None and have.endswith(want),
}


class SelectorError(ValueError):
    """The text is no selector."""


def parse(text: str) -> Selector:
    """Read a selector; an empty one selects everything, as the empty nodeSelector of an IPPool does."""
    parser = _Parser(text)
    if not parser.tokens:
        return lambda _: True
    selector = parser.either()
    if parser.tokens:
        raise SelectorError(f"{text!r}: {parser.tokens[0]!r} is left over")
    return selector


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise SelectorError(f"{text!r}: cannot read {text[position:]!r}")
            self.tokens.append(match.group().strip())
            position = match.end()

    def either(self) -> Selector:
        """Read what `||` joins."""
        choices = [self._both()]
        while self._skip("||"):
            choices.append(self._both())
        return choices[0] if len(choices) == 1 else lambda labels: any(choice(labels) for choice in choices)

    def _both(self) -> Selector:
        parts = [self._one()]
        while self._skip("&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda labels: all(part(labels) for part in parts)

    def _one(self) -> Selector:
        if self._skip("!"):
            inner = self._one()
            return lambda labels: not inner(labels)
        if self._skip("("):
            inner = self.either()
            self._expect(")")
            return inner
        word = self._take()
        if word in ("all", "global") and self._skip("("):
            self._expect(")")
            return lambda _: True
        if word == "has" and self._skip("("):
            label = self._take()
            self._expect(")")
            return lambda labels: label in labels
        return self._comparison(word)

    def _comparison(self, label: str) -> Selector:
        operator = self._take()
        if operator == "not":
            self._expect("in")
            unwanted = self._values()
            return lambda labels: labels.get(label) not in unwanted
        if operator == "in":
            wanted = self._values()
            return lambda labels: labels.get(label) in wanted
        if operator in ("starts", "ends"):
            self._expect("with")
        if operator not in _COMPARISONS:
            raise SelectorError(f"{self.text!r}: {operator!r} compares nothing")
        compare, value = _COMPARISONS[operator], self._value()
        return lambda labels: compare(labels.get(label), value)

    def _values(self) -> frozenset[str]:
        self._expect("{")
        values: set[str] = set()
        while not self._skip("}"):
            values.add(self._value())
            self._skip(",")
        return frozenset(values)

    def _value(self) -> str:
        token = self._take()
        if token[0] not in "'\"":
            raise SelectorError(f"{self.text!r}: {token!r} is not a quoted value")
        return token[1:-1]

    def _take(self) -> str:
        if not self.tokens:
            raise SelectorError(f"{self.text!r} ends too early")
        return self.tokens.pop(0)

    def _skip(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            raise SelectorError(f"{self.text!r}: {token!r} expected")
