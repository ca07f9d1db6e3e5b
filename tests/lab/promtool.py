"""promtool: of the PATH, or the one that the lab takes out of Debian's package; 19 MB are downloaded for it, once."""

import shutil
import subprocess
from pathlib import Path

from rich.console import Console

from lab import places
from lab.build import promtool
from lab.build.builder import build
from lab.progress import Progress

SECONDS = 120  # a busy machine is no fault


def program() -> Path:
    """Where it is; built where it is not.

    Raises:
        LabError: it cannot be.

    """
    if found := shutil.which(promtool.NAME):
        return Path(found)
    cache = places.cache()
    build(cache, Progress(Console(stderr=True)), (), besides=[promtool.NAME])
    return promtool.program(cache)


def judge(program: Path, *words: str | Path, text: str = "") -> tuple[int, str]:
    """What promtool says of files, or of a text: its exit code and its words."""
    done = subprocess.run([program, *words], input=text, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr
