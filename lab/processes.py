"""Running other programs: quietly, with their last words in the error."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError, Unsupported


def run(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run a command and return its output; with `log` the output goes to the end of that file instead.

    A failure is a LabError with the command's last line.
    """
    words = [str(word) for word in command]
    variables = {**os.environ, "LC_ALL": "C", **(environment or {})}
    try:
        finished = subprocess.run(
            words, check=False, capture_output=True, text=True, errors="replace", cwd=directory, env=variables,
            input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unsupported(f"{words[0]} is not installed: run `python -m lab requirements`") from None
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(words)[:2000]}\n{finished.stdout}{finished.stderr}")
    if finished.returncode != 0:
        said = (finished.stderr.strip() or finished.stdout.strip() or "no message").splitlines()[-1]
        where = f" (all of it: {log})" if log is not None else ""
        raise LabError(f"{' '.join(words)[:120]}: exit {finished.returncode}: {said}{where}")
    return finished.stdout


def succeeds(command: Sequence[str | Path]) -> bool:
    """Whether a command ends with 0; its output is nobody's business."""
    words = [str(word) for word in command]
    return subprocess.run(words, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
