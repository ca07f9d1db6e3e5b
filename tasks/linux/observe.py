"""Ask a Linux machine everything a phase needs in one round trip: one script that answers all questions."""

import re
import secrets
import shlex
from collections.abc import Collection, Iterable, Mapping
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


# A small router's busybox has no stat either: what ls says of a file, its mode in octal digits.
ABOUT = """about() { stat -Lc '%a %U:%G' -- "$1" 2>/dev/null || { line=$(ls -ldL -- "$1") && echo "$line" | awk '{
  for (n = 2; n < 11; n++) mode = 2 * mode + (substr($1, n, 1) != "-"); printf "%o %s:%s\\n", mode, $3, $4 }'; }; }"""


def ask(
    shell: Shell,
    questions: Mapping[str, str],
    paths: Iterable[str] = (),
    *,
    deadline: float = 60,
    meanwhile: Collection[str] = (),
) -> Seen:
    """Ask all questions, and read all files, in one round trip.

    Args:
        shell: where.
        questions: name -> shell command; it must only read.
        paths: files whose content, mode and owner are wanted.
        deadline: seconds for all of them together.
        meanwhile: names of questions that take long: they are answered at the same time as all others.

    """
    mark = new_mark()
    completed = shell.run(script(questions, paths, mark, meanwhile), deadline=deadline)
    if completed.code:
        raise CommandError(f"could not be observed: {completed.said}", host=getattr(shell, "host", None))
    seen = parse(completed.stdout, mark)
    if unanswered := next((name for name in questions if name not in seen.answers), None):
        raise _cut_off(unanswered)
    return seen


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


def new_mark() -> str:
    """What tells answers apart: no output can hold it by chance, and none that was recorded holds it again."""
    return f"{MARK}-{secrets.token_hex(12)}"


def script(questions: Mapping[str, str], paths: Iterable[str], mark: str, meanwhile: Collection[str] = ()) -> str:
    """The one script: each answer is a line MARK kind name code, what was said as it stands, and a line MARK.

    Nothing is encoded: a router's busybox may have no base64, and on a node each program more is felt in every run. What is answered
    meanwhile comes through a pipe, behind all others: no two answers are mixed, and no file is written.
    """
    lines = [
        "export LC_ALL=C",
        ABOUT,
        f'say() {{ printf \'%s %s %s %s\\n%s\\n%s\\n\' {mark} "$1" "$2" "$3" "$4" {mark}; }}',
    ]
    apart = [_asked(name, command) for name, command in questions.items() if name in meanwhile]
    lines += ["{", *apart, "} | {"] if apart else []
    lines += [_asked(name, command) for name, command in questions.items() if name not in meanwhile]
    for path in paths:
        quoted = shlex.quote(path)
        # the x keeps the shell from dropping the newlines at the end of the file
        read = f"about {quoted} && cat -- {quoted} && echo x"
        lines.append(f'if [ -e {quoted} ]; then out=$( {{ {read}; }} 2>&1 ); say file {quoted} $? "$out"')
        lines.append(f"else say file {quoted} absent ''; fi")
    lines += ["cat; }"] if apart else []
    return "\n".join([*lines, "exit 0\n"])


def _asked(name: str, command: str) -> str:
    # nothing is read from where the script itself, or an answer, comes
    return f'out=$( {{ {command}\n}} 2>&1 </dev/null ); say answer {shlex.quote(name)} $? "$out"'


def parse(printed: bytes, mark: str) -> Seen:
    """Read what the script printed; bytes that are no UTF-8 are kept as surrogates, so that a file is written back as it was.

    Raises:
        CommandError: a file is there and cannot be read; the script did not come to its end.

    """
    answers: dict[str, Answer] = {}
    files: dict[str, FileSeen | None] = {}
    written = re.escape(mark.encode())
    pieces = re.split(rb"(?m)^%s (answer|file) (.*) (\S+)$\n?" % written, printed)
    for kind, name_as_bytes, code_as_bytes, rest in zip(*(iter(pieces[1:]),) * 4, strict=True):
        name, code = name_as_bytes.decode(errors="replace"), code_as_bytes.decode(errors="replace")
        raw, end, _ = rest.partition(b"\n" + mark.encode() + b"\n")
        if not end or not (code.isdecimal() or code == "absent"):
            raise _cut_off(name)
        body = raw.decode(errors="replace" if kind == b"answer" else "surrogateescape")
        if kind == b"answer":
            answers[name] = Answer(int(code), body)
        elif code == "absent":
            files[name] = None
        elif code != "0":
            raise CommandError(f"{name} cannot be read: {' '.join(body.split()[-12:])}")
        else:
            head, _, content = body.partition("\n")
            mode, _, owner = head.partition(" ")
            files[name] = FileSeen(mode, owner, content.removesuffix("x"))
    return Seen(answers, files)


def _cut_off(name: str) -> CommandError:
    return CommandError(f"the answer to the question '{name}' was cut off", cure="run again")
