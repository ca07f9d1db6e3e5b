"""Routers of several kinds: a folder with a file for the configuration, and with the programs that they have."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the daemon `filed` is a package with scripts, as every driver is
SHELLS = ("dash", "bash", "busybox")
# What the scripts may use, and no more: each is POSIX, or in every busybox.
PROGRAMS = frozenset({
    "cat", "chmod", "cmp", "cp", "cut", "date", "grep", "ln", "mkdir", "mv", "nohup",
    "readlink", "rm", "rmdir", "sed", "setsid", "sha256sum", "sleep", "sort", "tail", "tr",
})  # fmt: skip


def give_programs(folder: Path, shell: str) -> None:
    """Fill a folder with links to the programs, those of busybox alone if that is the shell."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not on this host (on Debian: apt-get install {shell})")
    folder.mkdir()
    (folder / "sh").symlink_to(program)
    known = PROGRAMS
    if shell == "busybox":
        listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
        known &= frozenset(listed)
    for name in known:
        target = program if shell == "busybox" else shutil.which(name)
        assert target is not None
        (folder / name).symlink_to(target)


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """The shell of a router."""
    return str(request.param)


@pytest.fixture
def site(tmp_path: Path, shell: str) -> Path:
    """A router with that shell, and the programs that go with it."""
    give_programs(tmp_path / "bin", shell)
    (tmp_path / "running").write_bytes("what runs\n\u0101\u00e9\t as it is\n".encode())
    return tmp_path
