"""A machine's answers as tasks.linux.observe asks for them, for shells that stand in for one."""

import re
import subprocess
from collections.abc import Iterable, Mapping

from tasks.linux.observe import MARK, Answer, Seen, new_mark, parse, script


def asked_here(questions: Mapping[str, str]) -> Seen:
    """What this machine answers."""
    mark = new_mark()
    words = script(questions, [], mark).encode()
    return parse(subprocess.run(["/bin/sh", "-s"], input=words, capture_output=True, check=True).stdout, mark)


def mark_of(text: str) -> str:
    """The mark that a script tells its answers apart with."""
    found = re.search(rf"{MARK}-[0-9a-f]+", text)
    assert found is not None
    return found[0]


def answered(text: str, answers: Mapping[str, Answer], absent: Iterable[str] = ()) -> bytes:
    """What a machine prints that answers so, and has none of these files."""
    mark = mark_of(text)
    lines = [f"{mark} answer {name} {answer.code}\n{answer.text}\n{mark}\n" for name, answer in answers.items()]
    lines += [f"{mark} file {path} absent\n\n{mark}\n" for path in absent]
    return "".join(lines).encode()
