"""A fragment laid over the file that stands: statements of the same kind and name are replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from napalm_bird.syntax import Statement, statements


@dataclass(frozen=True)
class Merged:
    """What comes of it, and where its lines came from."""

    text: str
    origins: tuple[tuple[int, int, int], ...]
    """For each statement of the fragment: first and last line in the text, first line in the fragment."""

    def origin(self, line: int) -> int | None:
        """Return the fragment's line for a line of the text; None when that line is not of the fragment."""
        for first, last, source in self.origins:
            if first <= line <= last:
                return source + line - first
        return None


@dataclass(frozen=True)
class _Piece:
    statement: Statement
    new: bool


def overlay(standing: str, fragment: str) -> Merged:
    """Lay a fragment over a file.

    What is new goes right before the statement of the fragment that follows it and stands already (a filter must be
    known before the protocol that uses it), or else to the end.
    """
    pieces, rest = statements(standing)
    additions, _ = statements(fragment)
    draft = [_Piece(one, new=False) for one in pieces]
    before: Statement | None = None
    for one in reversed(additions):
        place = _find(draft, one)
        if place is None:
            place = len(draft) if before is None else (_find(draft, before) or 0)
            draft.insert(place, _Piece(_separated(one), new=True))
        elif draft[place].statement.tokens != one.tokens:
            head = _head(draft[place].statement.head, one.head)
            draft[place] = _Piece(Statement(head, one.text, one.tokens, one.line), new=True)
        before = one
    return _written(draft, rest)


def _find(draft: list[_Piece], wanted: Statement) -> int | None:
    for place, piece in enumerate(draft):
        other = piece.statement
        if other.key == wanted.key if wanted.key else other.tokens == wanted.tokens:
            return place
    return None


def _head(old: str, new: str) -> str:
    """New comments take the place of old ones; empty lines stay."""
    return "\n" * (len(old) - len(old.lstrip("\n"))) + new.lstrip("\n") if new.strip() else old


def _separated(one: Statement) -> Statement:
    """A new statement begins on a line of its own, a block after an empty one, with the comments that it had."""
    comments = one.head.lstrip("\n") if one.head.strip() else ""
    blank = "\n\n" if comments or "\n" in one.text else "\n"
    return Statement(blank + comments, one.text, one.tokens, one.line)


def _written(draft: list[_Piece], rest: str) -> Merged:
    text, origins, after_new = "", [], False
    for piece in draft:
        one = piece.statement
        head = one.head
        if not text:
            head = head.lstrip("\n")
        elif "\n" not in head and (piece.new or after_new):  # what stands on one line stays there
            head = "\n" + head
        text += head
        first = text.count("\n") + 1
        text += one.text
        after_new = piece.new
        if piece.new:
            origins.append((first, text.count("\n") + 1, one.line))
    text += rest
    return Merged(text if not text or text.endswith("\n") else text + "\n", tuple(origins))
