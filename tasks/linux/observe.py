"""Ask a Linux machine everything a phase needs in one round trip: one script that answers all questions."""

import re
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubepeer.errors import CommandError
from tasks.linux.shell import Shell

MARK = "@@kubepeer"


@dataclass(frozen=True)
class Answer:
    """What one question's command printed, and its exit code."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        """The non-empty lines."""
        return [line for line in self.text.splitlines() if line.strip()]


@dataclass(frozen=True)
class FileSeen:
    """A file as it stands on a machine."""

    mode: str
    owner: str
    content: str


@dataclass(frozen=True)
class Seen:
    """All answers of one machine."""

    answers: Mapping[str, Answer]
    files: Mapping[str, FileSeen | None]

    def __getitem__(self, question: str) -> Answer:
        """The answer to a question."""
        return self.answers[question]


def ask(shell: Shell, questions: Mapping[str, str], paths: Iterable[str] = (), *, deadline: float = 60) -> Seen:
    """Ask all questions, and read all files, in one round trip.

    Args:
        shell: where.
        questions: name -> shell command; it must only read.
        paths: files whose content, mode and owner are wanted.
        deadline: seconds for all of them together.

    """
    completed = shell.run(script(questions, paths), deadline=deadline)
    if completed.code:
        raise CommandError(f"could not be observed: {completed.said}", host=getattr(shell, "host", None))
    return parse(completed.stdout.decode(errors="surrogateescape"))


def at_rest(seen: Seen, host: str) -> Seen:
    """The same, if no command of an earlier run is at work on the machine any more: what was seen would not stand.

    Raises:
        CommandError: the question "lock" has waited in vain.

    """
    if seen["lock"].code:
        at_work = [line.strip()[:80] for line in seen["lock"].lines if not line.startswith("sh ")]
        named = f" ({at_work[-1]})" if at_work else ""
        raise CommandError(
            f"a package installation or a kubeadm of an earlier run is still at work there{named}. Nothing was changed",
            host=host,
            cure="run again when it has ended",
        )
    return seen


def script(questions: Mapping[str, str], paths: Iterable[str] = ()) -> str:
    """The one script: each answer is a line MARK TOKEN kind name code, and what was printed, byte for byte, up to the next such line.

    A token that nobody can know beforehand tells them from what is printed. Nothing but a shell, cat and ls is asked of the machine:
    base64 and stat are not in OpenWrt's busybox.
    """
    mark = f"{MARK} {secrets.token_hex(12)}"
    lines = [
        "export LC_ALL=C VTYSH_HISTFILE=/dev/null",  # a look leaves nothing behind: vtysh notes every command in ~/.history_frr
        f'say() {{ printf \'\\n%s %s %s %s\\n\' \'{mark}\' "$1" "$2" "$3"; printf \'%s\' "$4"; }}',
        f"printf '\\n%s\\n' '{mark}'",
    ]
    for name, command in questions.items():
        lines.append(f'out=$( {{ {command}\n}} 2>&1 ); say answer {shlex.quote(name)} $? "$out"')
    for path in paths:
        quoted = shlex.quote(path)
        # the x keeps the shell from dropping the newlines at the end of the file
        read = f"ls -ldL -- {quoted} && cat -- {quoted} && echo x"
        lines.append(f'if [ -e {quoted} ]; then out=$( {{ {read}; }} 2>&1 ); say file {quoted} $? "$out"')
        lines.append(f"else say file {quoted} absent ''; fi")
    return "\n".join([*lines, f"printf '\\n%s end\\n' '{mark}'", "exit 0\n"])


def parse(text: str) -> Seen:
    """Read what the script printed; bytes that are no UTF-8 are kept as surrogates, so that a file is written back as it was.

    Raises:
        CommandError: a file is there and cannot be read, or the output is not whole.

    """
    answers: dict[str, Answer] = {}
    files: dict[str, FileSeen | None] = {}
    for head, body in _parts(text):
        kind, rest = head.split(" ", 1)
        name, code = rest.rsplit(" ", 1)
        if kind == "answer":
            answers[name] = Answer(int(code), body.encode(errors="surrogateescape").decode(errors="replace"))
        elif code == "absent":
            files[name] = None
        elif code != "0":
            raise CommandError(f"{name} cannot be read: {' '.join(body.split()[-12:])}")
        else:
            shown, _, content = body.partition("\n")
            mode, _, owner, group = shown.split()[:4]
            files[name] = FileSeen(_octal(mode), f"{owner}:{group}", content.removesuffix("x"))
    return Seen(answers, files)


def _parts(text: str) -> list[tuple[str, str]]:
    """The line before each answer, without its mark, and the answer."""
    begin = re.search(rf"^{MARK} ([0-9a-f]{{24}})$", text, re.MULTILINE)
    parts = text[begin.end() :].split(f"\n{begin[0]} ") if begin else []
    if not parts or parts[-1].partition("\n")[0] != "end":
        raise CommandError("could not be observed: the output broke off before its end")
    heads = [part.partition("\n") for part in parts[1:-1]]
    return [(head, body) for head, _, body in heads]


def _octal(shown: str) -> str:
    """A mode as chmod takes it, of the ten letters in which ls shows it (POSIX, ls)."""
    value = 0
    for letter, bit in zip(shown[1:10], range(8, -1, -1), strict=True):
        value |= (letter not in "-ST") << bit
    special = sum(bit for letter, bit in zip(shown[3:10:3], (0o4000, 0o2000, 0o1000), strict=True) if letter in "sStT")
    return f"{value | special:o}"
