"""known_hosts by an index: every line means what it means to paramiko, and the file is read anew where it is another."""

import os
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from kubepeer import known_hosts as module
from kubepeer.known_hosts import KnownHosts, read_known_hosts

NAMES = ("10.31.90.4", "[10.31.90.4]:2200", "node-4", "fd00::4", "10.31.90.40", "nobody")
ONE, TWO, RSA = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate(), paramiko.RSAKey.generate(1024)


def line(names: str, key: paramiko.PKey) -> str:
    return f"{names} {key.get_name()} {key.get_base64()}"


def hashed(name: str) -> str:
    return paramiko.HostKeys.hash_host(name)


CASES = {
    "nothing": [],
    "one_host": [line("10.31.90.4", ONE)],
    "a_port_is_part_of_the_name": [line("[10.31.90.4]:2200", ONE), line("10.31.90.4", TWO)],
    "several_names": [line("10.31.90.4,node-4,fd00::4", ONE)],
    "two_kinds_of_keys": [line("10.31.90.4", RSA), line("10.31.90.4", ONE)],
    "the_first_of_a_kind_counts": [line("10.31.90.4", ONE), line("10.31.90.4", TWO)],
    "the_same_line_twice": [line("10.31.90.4", ONE), line("10.31.90.4", RSA), line("10.31.90.4", ONE)],
    "a_name_twice_in_a_line": [line("10.31.90.4,10.31.90.4", ONE)],
    "a_hashed_name": [line(hashed("10.31.90.4"), ONE), line(hashed("node-4"), TWO)],
    "a_hashed_name_before_a_plain_one": [line(hashed("10.31.90.4"), ONE), line("10.31.90.4", TWO)],
    "a_plain_name_before_a_hashed_one": [line("10.31.90.4", TWO), line(hashed("10.31.90.4"), ONE)],
    "plain_and_hashed_in_a_line": [line(f"node-4,{hashed('10.31.90.4')}", ONE)],
    "comments_and_empty_lines": ["# 10.31.90.4", "", "  ", line("10.31.90.4", ONE) + " root@node-4"],
    "a_kind_that_is_not_known": ["10.31.90.4 ssh-nosuch AAAA", line("10.31.90.4", ONE)],
    "a_line_that_is_too_short": ["10.31.90.4 ssh-rsa", line("node-4", ONE)],
    "a_key_that_is_of_another_kind": [f"10.31.90.4 ssh-rsa {ONE.get_base64()}", line("node-4", ONE)],
    "a_pattern_is_none": [line("10.31.90.*", ONE)],
    "tabs": [line("10.31.90.4", ONE).replace(" ", "\t")],
}


@pytest.mark.parametrize("lines", CASES.values(), ids=CASES)
def test_a_line_means_what_it_means_to_paramiko(folder: Path, lines: list[str]) -> None:
    (file := folder / "known_hosts").write_text("".join(f"{one}\n" for one in lines))
    ours, theirs = KnownHosts(file), paramiko.HostKeys(str(file))
    for name in NAMES:
        wanted = theirs.lookup(name) or {}
        found = [(key.get_name(), key) for _, key in ours.of(name)]
        assert found == [(kind, wanted[kind]) for kind in dict.fromkeys(wanted.keys())]
        assert ours.knows(name) is bool(wanted)


@pytest.mark.parametrize("damaged", ["10.31.90.4 ssh-rsa A", f"@revoked {line('10.31.90.4', ONE)}"])
def test_a_damaged_line_is_told_as_paramiko_tells_it(folder: Path, damaged: str) -> None:
    (file := folder / "known_hosts").write_text(f"{damaged}\n")
    for reader in (KnownHosts, paramiko.HostKeys):
        with pytest.raises(paramiko.hostkeys.InvalidHostKey) as raised:
            reader(file)  # type: ignore[operator]
        assert raised.value.line == damaged


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every time that a file is read."""
    read: list[Path] = []

    class Counted(KnownHosts):
        def __init__(self, path: Path) -> None:
            read.append(path)
            super().__init__(path)

    monkeypatch.setattr(module, "KnownHosts", Counted)
    return read


def append(file: Path) -> None:
    with file.open("a") as opened:
        opened.write(line("node-5", TWO) + "\n")


def replace(file: Path) -> None:
    other = file.with_suffix(".new")
    other.write_text(file.read_text().replace("node-4", "node-5"))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.rename(file)


@pytest.mark.parametrize("change", [append, replace])
def test_a_file_is_read_once_and_again_where_it_is_another(
    folder: Path, reads: list[Path], change: Callable[[Path], None]
) -> None:
    (file := folder / "known_hosts").write_text(line("node-4", ONE) + "\n")
    assert [read_known_hosts(file).knows(name) for name in ("node-4", "node-5")] == [True, False]
    assert reads == [file]
    change(file)
    assert read_known_hosts(file).knows("node-5")
    assert read_known_hosts(file).knows("node-4") is (change is append)
    assert reads == [file] * 2


def test_a_file_that_is_not_there_knows_nobody_and_says_so(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_known_hosts(folder / "known_hosts")
