"""BIRD's configuration text as top-level statements, each with the kind and the name that BIRD knows it by.

The lexical rules are those of BIRD 2's conf/cf-lex.l: ``#`` and ``/* */`` comments (not nested), strings in double
quotes without escapes and on one line, symbols that may stand in single quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*|/\*.*?\*/)
      | (?P<string>"[^"\n]*")
      | (?P<symbol>'[^'\n]*'|[A-Za-z0-9_.:]+)
      | (?P<open>[{(\[]) | (?P<close>[})\]])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_REST_OF_LINE = re.compile(r"[ \t]*;?[ \t]*(?:\#[^\n]*|/\*[^\n]*?\*/[ \t]*)?(?=\n|\Z)")
"""A comment behind a statement on its line is about that statement."""
_RELATIVE_INCLUDE = re.compile(r"^[ \t]*(include)[ \t]*\"[^/\"]", re.MULTILINE)
_BLOCKS = ("protocol", "template")
"""Statements that end with their closing brace, or with a semicolon where they have none."""
_CODE = ("filter", "function")
"""Statements that end with their closing brace alone: variables may be declared before it."""
_NET_TYPES = frozenset(("ipv4", "ipv6", "vpn4", "vpn6", "roa4", "roa6", "flow4", "flow6", "mpls", "aspa"))
_TABLE_OPTIONS = ("sorted", "trie")
_LONGEST_TABLE = 4  # words of a table's head: "ipv6 sadr table NAME"
_NAMED = 2  # words that name a statement: its kind and its name


class SyntaxRefused(ValueError):  # noqa: N818 (a refusal, told to a person)
    """The text cannot be cut into statements."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a string, a bracket or a sign."""

    text: str
    kind: str
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the top level.

    ``head`` is what stands between the statement before and this one: blank lines and comments.
    """

    head: str
    text: str
    tokens: tuple[str, ...]
    line: int
    """The line of the text, counted from 1, on which the statement itself begins."""

    @property
    def key(self) -> tuple[str, str] | None:
        """Kind and name; None for what has no name and is compared as text."""
        return _key(self.tokens)

    @property
    def title(self) -> str:
        """Name it for a person."""
        return " ".join(self.key) if self.key else " ".join(self.tokens[:4])


def tokens(text: str) -> Iterator[Token]:
    """Go over the words of a text, without blanks and comments."""
    line = 1
    for found in _TOKEN.finditer(text):
        word, kind = found.group(), found.lastgroup or "other"
        if kind == "other" and word == '"':
            raise SyntaxRefused(f"line {line}: a string without its end")
        if kind == "other" and text.startswith("/*", found.start()):
            raise SyntaxRefused(f"line {line}: a comment without its end")
        if kind != "blank":
            yield Token(word, kind, line, found.start(), found.end())
        line += word.count("\n")


def statements(text: str) -> tuple[tuple[Statement, ...], str]:
    """Cut a text into its statements; the rest behind the last one (comments, blanks) is returned beside them."""
    result: list[Statement] = []
    current: list[Token] = []
    depth, begin = 0, 0
    found = [*tokens(text)]
    for token, following in zip_longest(found, found[1:]):
        if not current and token.text == ";":
            continue  # BIRD allows them
        current.append(token)
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        if depth < 0:
            raise SyntaxRefused(f"line {token.line}: {token.text} closes nothing")
        if depth == 0 and _ends(current, following):
            first = current[0]
            words = tuple(one.text for one in current)
            rest_of_line = _REST_OF_LINE.match(text, token.end)
            end = rest_of_line.end() if rest_of_line else token.end
            result.append(Statement(text[begin : first.start], text[first.start : end], words, first.line))
            begin, current = end, []
    if current:
        raise SyntaxRefused(f"line {current[0].line}: {current[0].text} ... has no end")
    return tuple(result), text[begin:]


def require_whole(text: str) -> None:
    """Refuse a file that would not mean the same elsewhere.

    A statement without its end would run on into what stands behind the include. A relative include would name another
    file when the candidate lies in another folder than the file that it will be.
    """
    for one in statements(text)[0]:
        found = _RELATIVE_INCLUDE.search(one.text)
        if found:
            line = one.line + one.text.count("\n", 0, found.start(1))
            raise SyntaxRefused(f"line {line}: an include must name an absolute path here")


def _ends(words: Sequence[Token], following: Token | None) -> bool:
    """Tell whether a statement ends with the last of these words, of which none is in a bracket that is open."""
    first, last = words[0].text, words[-1].text
    if first in _CODE:
        return last == "}"
    if first in _BLOCKS:
        return last in (";", "}")
    if last == ";":
        return True
    # A table needs no semicolon, and neither does what stands in its braces (nest/config.Y: table).
    return _names_a_table(words) and (following is None or following.text not in (*_TABLE_OPTIONS, "{", ";"))


def _names_a_table(words: Sequence[Token]) -> bool:
    texts = [one.text for one in words[:_LONGEST_TABLE]]
    return texts[0] in _NET_TYPES and "table" in texts[1:3] and len(words) > texts.index("table") + 1


def _key(words: tuple[str, ...]) -> tuple[str, str] | None:
    kind = words[0]
    if kind in ("protocol", "template"):
        name = _protocol_name(words)
        return (kind, name) if name else None
    if kind in ("filter", "function", "define") and len(words) > 1:
        return kind, words[1].strip("'")
    if kind in _NET_TYPES and "table" in words[1:3]:  # "ipv6 sadr table" has a word more
        return "table", words[words.index("table") + 1].strip("'")
    if kind == "attribute" and len(words) > _NAMED:
        return kind, words[_NAMED].strip("'")
    return None


def _protocol_name(words: tuple[str, ...]) -> str:
    """Find the name after the type, which may be two words (``ospf v3``); a protocol may have none."""
    rest = words[2:]
    if words[1:2] == ("ospf",) and rest[:1] in (("v2",), ("v3",)):
        rest = rest[1:]
    if not rest or rest[0] in ("{", ";", "from"):
        return ""
    return rest[0].strip("'")
