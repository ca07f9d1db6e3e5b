"""Encrypt a backup for those who may read it, and decrypt it: by age or gpg on the controller, through their streams alone."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kubepeer.errors import CommandError, UsageError

GZIP, AGE = b"\x1f\x8b", (b"age-encryption.org/v1", b"-----BEGIN AGE ENCRYPTED FILE-----")
FINGERPRINT = re.compile(r"(0x)?[0-9A-Fa-f]{40,64}")
INSTALL = {"age": "install age (package age)", "gpg": "install GnuPG (package gnupg)"}
GPG = ("gpg", "--batch", "--no-tty", "--quiet")
CHUNK = 1 << 20
END_SECONDS = 60  # a program that has been told that all is there


def program_for(recipients: Sequence[str]) -> str:
    """Which program encrypts for these recipients; "" where there are none.

    A public key of age or SSH, or a file of such keys, is for age; all else is a key that gpg knows.

    Raises:
        UsageError: some are for the one, some for the other.

    """
    programs = {"age" if _is_of_age(one) else "gpg" for one in recipients}
    if len(programs) > 1:
        raise UsageError("--recipient: some are for age, some for gpg: one backup is encrypted by one of them.")
    return next(iter(programs), "")


def _is_of_age(recipient: str) -> bool:
    return recipient.startswith(("age1", "ssh-ed25519 ", "ssh-rsa ")) or Path(recipient).is_file()


def refuse_missing(program: str) -> None:
    """Refuse where a program is wanted that is not there.

    Raises:
        UsageError: it is not.

    """
    if program and shutil.which(program) is None:
        raise UsageError(f"there is no {program} on this machine. Nothing was contacted.", cure=INSTALL[program])


def encrypting_words(recipients: Sequence[str]) -> list[str]:
    """The command that encrypts its standard input; public keys alone are in it."""
    if program_for(recipients) == "age":
        words = ["age", "--encrypt"]
        for one in recipients:
            words += ["--recipients-file" if Path(one).is_file() else "--recipient", one]
        return words
    words = [*GPG, "--encrypt"]
    if all(
        FINGERPRINT.fullmatch(one) for one in recipients
    ):  # who says the whole of a key need not trust it elsewhere, too
        words += ["--trust-model", "always"]
    for one in recipients:
        words += ["--recipient", one]
    return words


@contextmanager
def encrypted(part: IO[bytes], recipients: Sequence[str]) -> Iterator[IO[bytes]]:
    """Where the plain text is written to; what comes out lies in `part`. Without recipients it is `part` itself.

    Raises:
        CommandError: the program failed: what it said.

    """
    if not recipients:
        yield part
        return
    words = encrypting_words(recipients)
    with tempfile.TemporaryFile() as said, _started(words, subprocess.PIPE, part, said) as process:
        sink = process.stdin
        if sink is None:
            raise AssertionError
        try:
            yield sink
            sink.close()
        except BrokenPipeError:
            pass  # it has ended, and says why
        except BaseException:
            process.kill()
            raise
        _refuse_failure(words[0], process, said)


@contextmanager
def opened(path: Path, identities: Sequence[Path] = ()) -> Iterator[IO[bytes]]:
    """A backup's plain text.

    Args:
        path: of the backup.
        identities: files with the private keys for age.

    Raises:
        UsageError: it cannot be read, or nothing here decrypts it.

    """
    try:
        file = path.open("rb", buffering=0)  # a program that is given it begins where it stands
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    with file:
        begin = file.read(max(map(len, AGE)))
        file.seek(0)
        if begin.startswith(GZIP):
            yield file
            return
        words = decrypting_words(begin, identities)
        refuse_missing(words[0])
        with tempfile.TemporaryFile() as said, _started(words, file, subprocess.PIPE, said) as process:
            source = process.stdout
            if source is None:
                raise AssertionError
            try:
                yield source
            except UsageError:  # what came out of it is no backup: where it failed, that is why
                while source.read(CHUNK):
                    pass
                _refuse_failure(words[0], process, said, usage=True)
                raise
            except BaseException:
                process.kill()
                raise
            _refuse_failure(words[0], process, said, usage=True)


def decrypting_words(begin: bytes, identities: Sequence[Path]) -> list[str]:
    """The command that decrypts its standard input.

    Args:
        begin: the file's first bytes.
        identities: files with the private keys for age.

    Raises:
        UsageError: age needs one, and none is named.

    """
    if not begin.startswith(AGE):
        return [*GPG, "--decrypt"]
    if not identities:
        raise UsageError("it is encrypted with age. Nothing was contacted.", cure="--identity FILE: who may read it")
    words = ["age", "--decrypt"]
    for one in identities:
        words += ["--identity", str(one)]
    return words


def _started(
    words: Sequence[str], stdin: int | IO[bytes], stdout: int | IO[bytes], stderr: IO[bytes]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=stderr)
    except OSError as error:
        raise UsageError(f"{words[0]} cannot be started: {error.strerror}") from error


def _refuse_failure(program: str, process: subprocess.Popen[bytes], said: IO[bytes], *, usage: bool = False) -> None:
    kind = UsageError if usage else CommandError
    try:
        if process.wait(END_SECONDS) == 0:
            return
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise kind(f"{program} did not end within {END_SECONDS} s of its input's end, and was stopped") from error
    said.seek(0)
    lines = [line for line in said.read().decode(errors="replace").splitlines() if line.strip()]
    last = "; ".join(line.strip() for line in lines[-2:]) or "it said nothing"
    raise kind(f"{program} failed (exit {process.returncode}): {last}")
