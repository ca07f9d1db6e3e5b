"""A backup that only its recipient can read: by the real gpg and age, where they are; and what is said where they are not."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from kubepeer.errors import CommandError, KubepeerError, UsageError
from tasks.backup import archive, encryption, folder
from tests.unit.backup.contents import packed, parts

WHO = "backup@example.org"


@pytest.fixture
def gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave_out: Callable[[str], NoReturn]) -> Iterator[str]:
    """A key of gpg's in a home of its own; gives its fingerprint."""
    if shutil.which("gpg") is None:
        leave_out("there is no gpg on this machine")
    home = Path("/tmp") / f"kp-{tmp_path.parent.name[-8:]}-{tmp_path.name[-12:]}"  # noqa: S108  a socket's path is short
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    make = ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", WHO, "default", "default", "never"]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    listed = subprocess.run(
        ["gpg", "--batch", "--with-colons", "--list-keys"], capture_output=True, text=True, check=True
    )
    yield next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr:"))
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=False)
    shutil.rmtree(home, ignore_errors=True)


def sealed(path: Path, *recipients: str) -> Path:
    with folder.whole(path) as part, encryption.encrypted(part, recipients) as sink:
        sink.write(packed())
    return path


@pytest.mark.parametrize("by", ["fingerprint", "mail"])
def test_gpg_encrypts_and_decrypts(gpg: str, tmp_path: Path, by: str) -> None:
    path = sealed(tmp_path / "backup.gpg", gpg if by == "fingerprint" else WHO)
    assert b"the key of the CA" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with encryption.opened(path) as source:
        assert archive.read(source).files == parts()


def test_gpg_says_why_it_does_not_encrypt_and_nothing_is_left(gpg: str, tmp_path: Path) -> None:
    assert gpg
    with pytest.raises(CommandError, match=r"gpg failed \(exit 2\): gpg: .*nobody@example.org"):
        sealed(tmp_path / "backup.gpg", "nobody@example.org")
    assert list(tmp_path.iterdir()) == []


def test_gpg_says_why_it_does_not_decrypt(gpg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sealed(tmp_path / "backup.gpg", gpg)
    (other := tmp_path / "other").mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(other))
    with pytest.raises(UsageError, match=r"gpg failed \(exit 2\)"), encryption.opened(path) as source:
        archive.read(source)


def test_age_encrypts_and_decrypts(tmp_path: Path, leave_out: Callable[[str], NoReturn]) -> None:
    if shutil.which("age") is None or shutil.which("age-keygen") is None:
        leave_out("there is no age on this machine")
    identity = tmp_path / "identity"
    subprocess.run(["age-keygen", "-o", str(identity)], check=True, capture_output=True)
    public = subprocess.run(
        ["age-keygen", "-y", str(identity)], check=True, capture_output=True, text=True
    ).stdout.strip()
    (recipients := tmp_path / "recipients").write_text(f"{public}\n", encoding="utf-8")
    for number, one in enumerate((public, str(recipients))):
        path = sealed(tmp_path / f"backup-{number}.age", one)
        with encryption.opened(path, [identity]) as source:
            assert archive.read(source).files == parts()
    with pytest.raises(UsageError, match="it is encrypted with age"), encryption.opened(path):
        pass


@pytest.mark.parametrize(
    ("recipients", "program"),
    [
        ((), ""),
        (("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",), "age"),
        (("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me", "ssh-rsa AAAA me"), "age"),
        (("0123456789ABCDEF0123456789ABCDEF01234567",), "gpg"),
        ((WHO, "other@example.org"), "gpg"),
    ],
)
def test_a_recipient_names_its_program(recipients: tuple[str, ...], program: str) -> None:
    assert encryption.program_for(recipients) == program


def test_a_whole_fingerprint_is_trusted_and_a_name_is_not() -> None:
    fingerprint = "0123456789ABCDEF0123456789ABCDEF01234567"
    assert "--trust-model" in encryption.encrypting_words([fingerprint])
    assert "--trust-model" not in encryption.encrypting_words([fingerprint, WHO])


def test_two_programs_for_one_backup_are_refused() -> None:
    with pytest.raises(UsageError, match="some are for age, some for gpg"):
        encryption.program_for([WHO, "age1xyz"])


def test_a_program_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match=r"there is no age on this machine. Nothing was contacted. Cure: install age"):
        encryption.refuse_missing("age")


def test_a_backup_in_clear_is_read_as_it_is(tmp_path: Path) -> None:
    path = sealed(tmp_path / "backup.tar.gz")
    with encryption.opened(path) as source:
        assert archive.read(source).files == parts()


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken() -> None:
        with folder.whole(tmp_path / "x") as part:
            part.write(b"half")
            raise CommandError("lost")

    with pytest.raises(CommandError, match="lost"):
        broken()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_can_read_is_refused_and_a_new_one_is_private(tmp_path: Path) -> None:
    folder.prepare(tmp_path / "a" / "b", "lab")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(UsageError, match=r"can be read by others. Nothing was contacted. Cure: chmod 700"):
        folder.prepare(tmp_path / "open", "lab")


@pytest.mark.parametrize(
    ("name", "hours", "becomes"),
    [
        (".lab-20261126T120000Z.tar.gz.part", 2, "gone"),
        (".lab-20261126T120000Z.tar.gz.age.part", 2, "gone"),
        (".lab-20261126T120000Z.tar.gz.part", 0.5, "kept"),
        (".other-20261126T120000Z.tar.gz.part", 2, "kept"),
        ("lab-20261126T120000Z.tar.gz", 2, "kept"),
        (".lab.part", 2, "kept"),
    ],
)
def test_what_a_killed_run_has_left_of_a_backup_goes(name: str, hours: float, becomes: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (path := tmp_path / name).touch()
    os.utime(path, (time.time() - hours * 3600,) * 2)
    folder.prepare(tmp_path, "lab")
    assert path.exists() == (becomes == "kept")


def decrypt(folder_: Path) -> None:
    (path := folder_ / "x.gpg").write_bytes(b"sealed")
    with encryption.opened(path) as source:
        source.read()


def encrypt(folder_: Path) -> None:
    sealed(folder_ / "y", WHO)


@pytest.mark.parametrize("what", [encrypt, decrypt])
def test_a_program_that_does_not_end_is_stopped_and_that_is_one_line(
    what: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "END_SECONDS", 0.1)
    hangs = ["sh", "-c", "exec >&-; exec sleep 100"]
    monkeypatch.setattr(encryption, "encrypting_words", lambda _: hangs)
    monkeypatch.setattr(encryption, "decrypting_words", lambda *_: hangs)
    began = time.monotonic()
    with pytest.raises(KubepeerError, match=r"sh did not end within 0\.1 s of its input's end, and was stopped"):
        what(tmp_path)
    assert time.monotonic() - began < 50
    assert not (tmp_path / "y").exists()


def test_what_comes_out_of_a_program_and_is_no_backup_is_told_as_such(gpg: str, tmp_path: Path) -> None:
    path = tmp_path / "backup.gpg"
    with folder.whole(path) as part, encryption.encrypted(part, [gpg]) as sink:
        sink.write(b"nothing of the kind" * 100000)
    with pytest.raises(UsageError, match="it is no backup of Kubepeer's"), encryption.opened(path) as source:
        archive.read(source)
