"""More bytes than memory should hold, from and to a Linux machine: over an exec channel, since SFTP knows no sudo."""

import hashlib
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import paramiko

from kubepeer.change import about_to_change
from kubepeer.errors import CommandError
from tasks.linux.shell import CHUNK, SshShell

SILENCE_SECONDS = 120  # of one piece: a disk that is busy with etcd
# As a file is written elsewhere: beside it, with its mode from the beginning, and in its place by a rename when all of it is there
RECEIVE = """set -e; umask 077; t={path}.part; trap 'rm -f -- "$t"' EXIT
cat >"$t"; [ "$(sha256sum <"$t")" = "{digest}  -" ] || {{ echo "it did not arrive as it was sent" >&2; exit 1; }}
sync "$t"; mv -fT -- "$t" {path}; trap - EXIT"""
FAULTS = (paramiko.SSHException, OSError, EOFError)


class Incoming:
    """The bytes of a remote file, as tarfile reads them: as many as are asked for, unless it ends before.

    Attributes:
        digest: SHA-256 of what has been read.

    """

    def __init__(self, shell: SshShell, channel: paramiko.Channel) -> None:
        self._shell, self._channel = shell, channel
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end alone."""
        found = bytearray()
        try:
            while len(found) < size and (piece := self._channel.recv(min(CHUNK, size - len(found)))):
                found += piece
        except FAULTS as error:
            raise self._shell.lost(error) from error
        self.digest.update(found)
        return bytes(found)


@contextmanager
def reading(shell: SshShell, path: str) -> Iterator[Incoming]:
    """A file of the machine, piece by piece.

    Raises:
        UnreachableError: the connection is gone.

    """
    with shell.start(f"cat -- {shlex.quote(path)}", deadline=SILENCE_SECONDS) as channel:
        yield Incoming(shell, channel)


def send(shell: SshShell, path: str, pieces: Iterable[bytes], digest: str) -> None:
    """Write a file of the machine, readable by root alone, whole or not at all.

    Args:
        shell: of the machine.
        path: of the file; its folder is there.
        pieces: its bytes.
        digest: SHA-256 of all of them; what arrives otherwise is not kept.

    Raises:
        CommandError: it could not be written: what the machine said.
        UnreachableError: the connection is gone.

    """
    about_to_change()
    script = RECEIVE.format(path=shlex.quote(path), digest=digest)
    with shell.start(script, deadline=SILENCE_SECONDS) as channel:
        refused: Exception | None = None
        try:
            for piece in pieces:
                channel.sendall(piece)
            channel.shutdown_write()
        except FAULTS as error:
            refused = error  # it has ended before it had read all: it says why
        try:
            said = b"".join(iter(lambda: channel.recv_stderr(CHUNK), b""))
            code = channel.recv_exit_status()
        except FAULTS as error:
            raise shell.lost(error) from error
    if code < 0 and refused is not None:
        raise shell.lost(refused) from refused
    if code:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise CommandError(f"{path}: exit {code}: {last[0]}", host=shell.host)
