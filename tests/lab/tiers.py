"""Which tests of the lab run when: `make test` takes what always runs, `make test-long PART=...` one of the other parts.

A test of another part is deselected, not skipped. Of the catalogue of faults `make test` takes six, drawn by the commit's hash, so that
all of them are met in the course of time and a failure can be had again at the same commit.
"""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

PARTS = ("kills", "faults", "layouts", "settings", "upgrade", "routers", "versions")
FAULTS_ALWAYS = 6


def wanted(items: Iterable[pytest.Item], part: str | None, commit: str) -> list[pytest.Item]:
    """The tests to run, in their order.

    Args:
        items: all that were collected.
        part: of PARTS, or None for what always runs.
        commit: what the faults are drawn by.

    """
    items = list(items)
    if part is not None:
        return [item for item in items if part in _parts(item)]
    drawn = draw({_subject(item) for item in items if _is_fault(item)}, commit)
    return [item for item in items if (_subject(item) in drawn if _is_fault(item) else not _parts(item))]


def draw(faults: Iterable[str], commit: str) -> set[str]:
    """Six of the faults: those whose names, hashed together with the commit, come first."""
    order = sorted(faults, key=lambda fault: hashlib.sha256(f"{commit} {fault}".encode()).hexdigest())
    return set(order[:FAULTS_ALWAYS])


def _parts(item: pytest.Item) -> set[str]:
    """The parts that a test belongs to: of its marker `long`; a fault belongs to the part of that name."""
    named = {part for marker in item.iter_markers("long") for part in marker.args}
    return named | ({"faults"} if _is_fault(item) else set())


def _is_fault(item: pytest.Item) -> bool:
    return item.get_closest_marker("fault") is not None


def _subject(item: pytest.Item) -> str:
    """One fault: what its marker names, or a whole class where its tests belong together, else the function."""
    marker = item.get_closest_marker("fault")
    if marker is not None and marker.args:
        return str(marker.args[0])
    function = isinstance(item, pytest.Function)
    name = item.cls.__name__ if function and item.cls else getattr(item, "originalname", item.name)
    return f"{item.path.stem}::{name}"


def commit(checkout: Path) -> str:
    """The hash of the checked-out commit; where there is none (an unpacked archive), always the same."""
    done = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
