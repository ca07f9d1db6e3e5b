"""Running other programs: quietly, with their last words in the error."""

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError, Unsupported

# The programs that run in any thread: when a build is given up, none goes on behind its back.
_RUNNING: set[subprocess.Popen[str]] = set()
_LOCK = threading.Lock()


@contextmanager
def _watched(process: subprocess.Popen[str]) -> Iterator[None]:
    with _LOCK:
        _RUNNING.add(process)
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        with _LOCK:
            _RUNNING.discard(process)


def end_all() -> None:
    """End every program that `run` has started in any thread; each of them then raises in its own."""
    with _LOCK:
        for process in _RUNNING:
            process.terminate()


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
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", cwd=directory,
            env=variables, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError:
        raise Unsupported(f"{words[0]} is not installed: run `python -m lab requirements`") from None
    with _watched(process):
        output, errors = process.communicate(stdin)
    finished = subprocess.CompletedProcess(words, process.returncode, output, errors)
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
