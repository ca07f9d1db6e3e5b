"""A copy of the tree that a test may add to, and what it has then of its own."""

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import CHECKOUT

PARTS = ("kubepeer", "kubepeer_pytest", "tasks", "templates", "runbooks", "inventory", "tests")
FILES = ("config.yaml", "pyproject.toml", "requirements.txt", "lab/defaults.yaml")
NOT_OURS = shutil.ignore_patterns("__pycache__", ".*_cache", "golden", "standins", "cases")
REGISTRY = "tasks/platforms/platform.py"
LAST_LINE = '    "vyos",\n'  # of the registry


class Copy:
    """The checkout once more, without what it has recorded and built."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            shutil.copytree(CHECKOUT / part, folder / part, ignore=NOT_OURS)
        for file in FILES:
            (folder / file).parent.mkdir(exist_ok=True)
            shutil.copy2(CHECKOUT / file, folder / file)

    def write(self, path: str, text: str) -> None:
        """A file of its own."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def append(self, path: str, text: str) -> None:
        """More of a file that is there."""
        with (self.folder / path).open("a", encoding="utf-8") as file:
            file.write(text)

    def register(self, line: str) -> None:
        """A line more in the registry of the platforms."""
        text = (self.folder / REGISTRY).read_text(encoding="utf-8")
        assert text.count(LAST_LINE) == 1
        (self.folder / REGISTRY).write_text(text.replace(LAST_LINE, LAST_LINE + line), encoding="utf-8")

    def touched(self) -> set[str]:
        """The files that are new or not what they are in the checkout."""
        files = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        ours = (path for path in files if not any(part == "__pycache__" or part.startswith(".") for part in path.parts))
        return {str(path) for path in ours if not self._same(path)}

    def _same(self, path: Path) -> bool:
        there = CHECKOUT / path
        return there.is_file() and filecmp.cmp(there, self.folder / path, shallow=False)

    def run(self, *words: str) -> str:
        """What Python says to these words, in the copy and with its modules; it must succeed."""
        done = self.try_(*words)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def try_(self, *words: str, paths: Sequence[Path] = ()) -> subprocess.CompletedProcess[str]:
        """The same, whatever becomes of it."""
        drivers = sorted((CHECKOUT / "drivers").glob("napalm-*"))
        inherited = filter(None, [os.environ.get("PYTHONPATH")])  # a copy of a copy has its drivers from there
        modules = map(str, (self.folder, CHECKOUT, *drivers, *paths, *inherited))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(modules)}
        return subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
