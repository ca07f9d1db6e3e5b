"""Machines as they were seen: two that stand on disk, and what a case lays over them."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.linux.observe import Answer, FileSeen, Seen

MACHINES = Path(__file__).parent / "machines"


def _answer(written: Any) -> Answer:
    return Answer(**written) if isinstance(written, dict) else Answer(0, written)


def _file(written: Any) -> FileSeen | None:
    if isinstance(written, str):
        return FileSeen("644", "root:root", written)
    return FileSeen(**({"mode": "644", "owner": "root:root"} | written)) if written else None


@pytest.fixture
def seen_of() -> Callable[..., Seen]:
    """What was seen of machines/NAME.yaml, with other answers and files laid over it; ABSENT takes a file away."""

    def make(machine: str, answers: dict[str, Any] | None = None, files: dict[str, Any] | None = None) -> Seen:
        base = yaml.safe_load((MACHINES / f"{machine}.yaml").read_text())
        shown = base["files"] | (files or {})
        return Seen(
            {name: _answer(text) for name, text in (base["answers"] | (answers or {})).items()},
            {path: _file(None if written == "ABSENT" else written) for path, written in shown.items()},
        )

    return make


@pytest.fixture
def recorded_questions() -> set[str]:
    """The questions that the recorded answers belong to; all recordings have the same."""
    folder = Path(__file__).parent / "recorded"
    names = {frozenset(yaml.safe_load(file.read_text())["answers"]) for file in folder.glob("*.yaml")}
    (only,) = names
    return set(only)


Run = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def node(tmp_path: Path) -> Run:
    """Runs a script whose absolute paths lead into this folder; curl fetches from it, too."""
    (tmp_path / "bin").mkdir()
    curl = tmp_path / "bin" / "curl"
    curl.write_text(
        '#!/bin/sh\nfor a in "$@"; do case $p in -o) o=$a;; esac; p=$a; done\n'
        f'f={tmp_path}/served/${{p##*/}}; [ -e "$f" ] || {{ echo "curl: (22) 404" >&2; exit 22; }}; cp "$f" "$o"\n'
    )
    curl.chmod(0o755)
    for folder in ("served", "run", "var/tmp"):
        (tmp_path / folder).mkdir(parents=True)

    def run(script: str) -> subprocess.CompletedProcess[str]:
        moved = re.sub(r"(?<![\w.:/}])/(?=(?:usr/local|opt|var|run)/)", f"{tmp_path}/", script)
        return subprocess.run(
            ["/bin/sh", "-s"], input=moved, text=True, capture_output=True, check=False,
            env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"},
        )  # fmt: skip

    return run
