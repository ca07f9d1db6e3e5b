"""Many bytes from and to a machine, over a real SSH transport to a server in this process, whose commands the real /bin/sh runs."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from kubepeer.errors import CommandError, UnreachableError
from tasks.linux.shell import SshShell
from tasks.linux.transfer import reading, send
from tests.unit.ssh_server import Served, serving

BYTES = os.urandom(3 << 20)  # more than a channel's window
DIGEST = hashlib.sha256(BYTES).hexdigest()
PIECES = [BYTES[place : place + 100_000] for place in range(0, len(BYTES), 100_000)]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(Served(paramiko.ECDSAKey.generate(), passwords={"root": "x"})) as found:
        yield found
        found.cut()


@pytest.fixture
def far(served: Served) -> Iterator[SshShell]:
    transport = paramiko.Transport(served.address)
    transport.connect(username="root", password="x")
    yield SshShell("far", transport, sudo=False)
    transport.close()


def test_a_file_is_read_piece_by_piece(far: SshShell, tmp_path: Path) -> None:
    (path := tmp_path / "a file").write_bytes(BYTES)
    with reading(far, str(path)) as source:
        pieces = list(iter(lambda: source.read(70_001), b""))
        assert {len(piece) for piece in pieces[:-1]} == {70_001}
        assert source.digest.hexdigest() == DIGEST
    assert b"".join(pieces) == BYTES


def test_a_file_is_written_whole_and_for_root_alone(far: SshShell, tmp_path: Path) -> None:
    path = tmp_path / "a file"
    send(far, str(path), PIECES, DIGEST)
    assert path.read_bytes() == BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a file"]


def test_what_arrives_otherwise_than_it_was_sent_is_not_kept(far: SshShell, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(CommandError, match="exit 1: it did not arrive as it was sent"):
        send(far, str(path), PIECES[:-1], DIGEST)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_machine_that_cannot_write_says_why(far: SshShell, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere/file: exit \d+: .*(No such file|nonexistent|cannot create)"):
        send(far, str(tmp_path / "nowhere" / "file"), PIECES, DIGEST)


def test_a_connection_that_is_lost_in_the_middle_is_told(far: SshShell, served: Served, tmp_path: Path) -> None:
    path = tmp_path / "file"

    def cut_off() -> Iterator[bytes]:
        yield PIECES[0]
        served.cut()
        yield from PIECES[1:]

    with pytest.raises(UnreachableError, match="the SSH connection was lost"):
        send(far, str(path), cut_off(), DIGEST)
    assert not path.exists()
