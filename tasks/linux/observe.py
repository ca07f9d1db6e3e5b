"""Ask a Linux machine everything a phase needs in one round trip: one script that answers all questions."""

import base64
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubepeer.errors import CommandError
from tasks.linux.shell import Shell

MARK = "@@kubepeer"
HEX, NO_ENCODER, NOTHING = "x:", "!", "?"  # none is a sign of base64
# A router's busybox may have no base64; od and hexdump write out every byte as well.
ENCODE = f"""if command -v base64 >/dev/null; then encode() {{ base64 -w0; }}
elif command -v od >/dev/null; then encode() {{ printf {HEX}; od -An -v -tx1 | tr -d ' \\n'; }}
elif command -v hexdump >/dev/null; then encode() {{ printf {HEX}; hexdump -v -e '1/1 "%02x"'; }}
else encode() {{ cat >/dev/null; printf '{NO_ENCODER}'; }}; fi"""


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
    seen = parse(completed.text)
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


def script(questions: Mapping[str, str], paths: Iterable[str] = ()) -> str:
    """The one script: each answer is a line MARK kind name code, and a line of base64, or of hexadecimal digits behind HEX."""
    lines = [
        "export LC_ALL=C",
        ENCODE,
        ABOUT,
        f'say() {{ printf \'%s %s %s %s\\n\' \'{MARK}\' "$1" "$2" "$3"; printf \'%s\' "$4" | encode; echo; }}',
    ]
    for name, command in questions.items():
        lines.append(f'out=$( {{ {command}\n}} 2>&1 ); say answer {shlex.quote(name)} $? "$out"')
    for path in paths:
        quoted = shlex.quote(path)
        # the x keeps the shell from dropping the newlines at the end of the file
        read = f"about {quoted} && cat -- {quoted} && echo x"
        lines.append(f'if [ -e {quoted} ]; then out=$( {{ {read}; }} 2>&1 ); say file {quoted} $? "$out"')
        lines.append(f"else say file {quoted} absent ''; fi")
    return "\n".join([*lines, "exit 0\n"])


def parse(text: str) -> Seen:
    """Read what the script printed; bytes that are no UTF-8 are kept as surrogates, so that a file is written back as it was.

    Raises:
        CommandError: a file is there and cannot be read; the machine has no program that encodes; the script did not come to its end.

    """
    answers: dict[str, Answer] = {}
    files: dict[str, FileSeen | None] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if not line.startswith(MARK):
            continue
        kind, rest = line.removeprefix(f"{MARK} ").split(" ", 1)
        name, code = rest.rsplit(" ", 1)
        raw = _decoded(next(lines, NOTHING), name)
        body = raw.decode(errors="replace" if kind == "answer" else "surrogateescape")
        if kind == "answer":
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


def _decoded(line: str, name: str) -> bytes:
    if line == NO_ENCODER:
        raise CommandError(
            "nothing can be read there: it has neither base64 nor od nor hexdump", cure="install one of them"
        )
    try:
        return bytes.fromhex(line.removeprefix(HEX)) if line.startswith(HEX) else base64.b64decode(line, validate=True)
    except ValueError as error:
        raise _cut_off(name) from error


def _cut_off(name: str) -> CommandError:
    return CommandError(f"the answer to the question '{name}' was cut off", cure="run again")
