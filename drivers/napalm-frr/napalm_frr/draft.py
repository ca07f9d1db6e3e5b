"""A configuration that is being edited: lines by context, the slots they fill, and where a new line goes."""

from __future__ import annotations

from collections.abc import Iterator

from napalm_frr.configuration import Configuration
from napalm_frr.contexts import TOP, Path, kind_of, shows_only_with_contents
from napalm_frr.lists import Lists
from napalm_frr.order import NEW, in_order
from napalm_frr.slots import slot_of, subject_of


class Block:
    """The lines of one context. Each has a position; new ones get theirs from their kin when the draft is read out."""

    def __init__(self, context: Path) -> None:
        """Start empty, at a context."""
        self.context = context
        self.kind = kind_of(context)
        self._positions: dict[str, float] = {}
        self._slots: dict[str, dict[str, None]] = {}
        self._subjects: dict[str, dict[str, None]] = {}
        self.lists = Lists()

    def __contains__(self, line: str) -> bool:
        """Tell whether the line stands here."""
        return line in self._positions

    def __iter__(self) -> Iterator[str]:
        """Go over the lines, in the order in which they came."""
        return iter(self._positions)

    def __len__(self) -> int:
        """Count the lines."""
        return len(self._positions)

    def about(self, subject: str) -> list[str]:
        """List the lines about one list or one neighbour."""
        return list(self._subjects.get(subject, ()))

    def rival(self, line: str) -> str | None:
        """Return the line whose place this one would take.

        Two that stand in one slot prove that it is none: FRR printed both, so neither takes the other's place.
        """
        slot = slot_of(self.kind, line)
        standing = self._slots.get(slot, {}) if slot else {}
        return next(iter(standing)) if len(standing) == 1 else None

    def put(self, line: str) -> None:
        """Add a line; it takes the place of its rival."""
        rival = self.rival(line)
        if rival is None or rival == line:
            self.stand(line)
        else:
            position = self._positions[rival]
            self.drop(rival)
            self.stand(line, position)

    def stand(self, line: str, position: float = NEW) -> None:
        """Add a line beside all others."""
        self._positions[line] = position
        slot = slot_of(self.kind, line)
        if slot:
            self._slots.setdefault(slot, {})[line] = None
        subject = subject_of(self.kind, line)
        if subject:
            self._subjects.setdefault(subject, {})[line] = None
        if self.kind == TOP:
            self.lists.put(line)

    def drop(self, line: str) -> None:
        """Take a line away."""
        del self._positions[line]
        slot = slot_of(self.kind, line)
        if slot:
            del self._slots[slot][line]
        subject = subject_of(self.kind, line)
        if subject:
            del self._subjects[subject][line]
        if self.kind == TOP:
            self.lists.drop(line)

    def ordered(self) -> list[str]:
        """Return the lines as FRR would roughly print them."""
        return in_order(self._positions)


class Draft:
    """All contexts of a configuration that is being edited."""

    def __init__(self, start: Configuration) -> None:
        """Begin with what stands."""
        self.generation = start.generation
        self.blocks: dict[Path, Block] = {(): Block(())}
        for position, path in enumerate(start.paths):
            self.block(path[:-1]).stand(path[-1], position)
            if path in start.contexts:
                self.block(path)

    def block(self, context: Path) -> Block:
        """Return the lines of a context, which comes to be if it is not there."""
        if context not in self.blocks:
            parent = self.block(context[:-1])
            if context[-1] not in parent:
                rival = parent.rival(context[-1])
                parent.put(context[-1])
                if rival is not None:
                    self._move((*context[:-1], rival), context)
            self.blocks[context] = self.blocks.get(context) or Block(context)
        return self.blocks[context]

    def _move(self, old: Path, new: Path) -> None:
        """A context changed its opening line and kept its contents, as ``route-map X deny 10`` over ``permit 10``."""
        for context in [one for one in self.blocks if one[: len(old)] == old]:
            block = self.blocks.pop(context)
            moved = Block((*new, *context[len(old) :]))
            for line in block:
                moved.stand(line)
            self.blocks[moved.context] = moved

    def holds(self, path: Path) -> bool:
        """Tell whether a line stands."""
        block = self.blocks.get(path[:-1])
        return block is not None and path[-1] in block

    def drop(self, context: Path, line: str) -> None:
        """Take a line away, and with it the context that it opens."""
        self.blocks[context].drop(line)
        opened = (*context, line)
        for inner in [one for one in self.blocks if one[: len(opened)] == opened]:
            del self.blocks[inner]

    def become(self, target: Configuration) -> None:
        """Take the lines of another configuration; those that stand keep their places."""
        for path in target.paths:
            block = self.block(path) if path in target.contexts else self.block(path[:-1])
            if path not in target.contexts and path[-1] not in block:
                block.stand(path[-1])
        for path in reversed([one for one in self._walk(()) if one not in target.members]):
            self.drop(path[:-1], path[-1])

    def configuration(self) -> Configuration:
        """Read the draft out."""
        paths = tuple(self._walk(()))
        contexts = frozenset(path for path in paths if path in self.blocks)
        return Configuration(paths, contexts, self.generation)

    def _walk(self, context: Path) -> Iterator[Path]:
        for line in self.blocks[context].ordered():
            path = (*context, line)
            inside = list(self._walk(path)) if path in self.blocks else []
            if inside or path not in self.blocks or not shows_only_with_contents(path):
                yield path
                yield from inside
