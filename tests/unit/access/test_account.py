"""The key in authorized_keys: asked of, and applied to, this machine by the real /bin/sh, in a home of its own."""

import os
import pwd
import stat
from grp import getgrgid
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError
from tasks.access import account as accounts
from tasks.access.account import Account
from tasks.linux.apply import apply
from tasks.linux.observe import ask

USER = pwd.getpwuid(os.getuid()).pw_name
OWNER = f"{USER}:{getgrgid(os.getgid()).gr_name}"
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIOurs"
KEY = f"ssh-ed25519 {BLOB} kubepeer"
OTHER = "ssh-rsa AAAAB3NzaC1yc2Eother eve@home"


class Machine:
    """This machine, with another home for the user, and an sshd that says what it is told to."""

    def __init__(self, shell: Any, folder: Path) -> None:
        self.home = folder / "home of eve"
        self.home.mkdir(mode=0o755)
        self.shell = shell
        self.sshd("")

    def sshd(self, said: str) -> None:
        """What `sshd -T` says; "" where there is none."""
        self.shell.before = f"""getent() {{ echo "$2:x:{os.getuid()}:{os.getgid()}:Eve:{self.home}:/bin/sh"; }}
sshd() {{ [ "{said}" ] || return 127; echo "{said}"; }}
"""

    def look(self) -> Account:
        """The account as it stands."""
        return accounts.account(USER, ask(self.shell, {"account": accounts.question(USER)})["account"])

    def changes(self) -> list[str]:
        """What a run changes; a second one changes nothing."""
        changes = list(accounts.plan(self.look(), KEY))
        apply(self.shell, changes)
        assert list(accounts.plan(self.look(), KEY)) == []
        return [change.what for change in changes]


@pytest.fixture
def machine(shell: Any, tmp_path: Path) -> Machine:
    return Machine(shell, tmp_path)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


def test_a_bare_account_gets_the_file_and_its_folder(machine: Machine) -> None:
    file = machine.home / ".ssh/authorized_keys"
    assert machine.look().content is None
    assert machine.changes() == [str(file)]
    assert file.read_text() == f"{KEY}\n"
    assert (mode(file.parent), mode(file), mode(machine.home)) == ("700", "600", "755")


STANDS = {
    "another's key": (f"{OTHER}\n", f"{OTHER}\n{KEY}\n"),
    "no newline at the end": (OTHER, f"{OTHER}\n{KEY}\n"),
    "a comment and an empty line": (f"# mine\n\n{OTHER}\n", f"# mine\n\n{OTHER}\n{KEY}\n"),
    "an empty file": ("", f"{KEY}\n"),
    "our key under another comment": (f"ssh-ed25519 {BLOB} me@laptop\n", None),
    "our key with options": (f'from="10.0.0.0/8,*.example",no-pty ssh-ed25519 {BLOB}\n', None),
    "our key commented out": (f"# {KEY}\n", f"# {KEY}\n{KEY}\n"),
    "a forced command with our key, as cloud-init writes it": (
        f'no-pty,command="echo \\"log in as eve, not as ssh-ed25519 x\\";exit 142" ssh-ed25519 {BLOB} me\n{OTHER}\n',
        f"{KEY}\n{OTHER}\n",
    ),
    "a forced command with another's key": (
        f'command="rrsync /srv" {OTHER}\n',
        f'command="rrsync /srv" {OTHER}\n{KEY}\n',
    ),
}


@pytest.mark.parametrize(("stands", "becomes"), STANDS.values(), ids=STANDS)
def test_the_key_stands_once_and_every_other_line_stays(machine: Machine, stands: str, becomes: str | None) -> None:
    (folder := machine.home / ".ssh").mkdir(mode=0o700)
    (file := folder / "authorized_keys").write_text(stands)
    file.chmod(0o640)
    assert machine.changes() == ([str(file)] if becomes else [])
    assert file.read_text() == (becomes or stands)
    assert mode(file) == "640"


def test_places_that_others_may_write_to_are_closed_since_sshd_takes_no_key_from_there(machine: Machine) -> None:
    (folder := machine.home / ".ssh").mkdir()
    (file := folder / "authorized_keys").write_text(f"{KEY}\n")
    for path in (machine.home, folder, file):
        path.chmod(0o777)
    assert machine.changes() == [str(machine.home), str(folder), str(file)]
    assert (mode(machine.home), mode(folder), mode(file)) == ("755", "755", "600")


@pytest.mark.parametrize("named", ["/keys/%u", "%h/elsewhere/keys", "deep/keys .ssh/authorized_keys"])
def test_the_file_is_where_sshd_looks_for_it(machine: Machine, tmp_path: Path, named: str) -> None:
    machine.sshd(f"authorizedkeysfile {named.replace('/keys/%u', f'{tmp_path}/keys/%u')}")
    places = {
        "/keys/%u": tmp_path / "keys" / USER,
        "%h/elsewhere/keys": machine.home / "elsewhere/keys",
        "deep/keys .ssh/authorized_keys": machine.home / "deep/keys",
    }
    assert machine.changes() == [str(places[named])]
    assert places[named].read_text() == f"{KEY}\n"


def test_a_link_is_followed_and_stays_a_link(machine: Machine, tmp_path: Path) -> None:
    (machine.home / ".ssh").mkdir()
    (tmp_path / "kept").write_text(f"{OTHER}\n")
    (link := machine.home / ".ssh/authorized_keys").symlink_to(tmp_path / "kept")
    assert machine.changes() == [str(tmp_path / "kept")]
    assert link.is_symlink()


def test_a_user_that_is_not_there_is_one_line(shell: Any) -> None:
    answer = ask(shell, {"account": accounts.question("nobody-of-this-name")})["account"]
    with pytest.raises(CommandError, match=r"^there is no user nobody-of-this-name Cure: create the user"):
        accounts.account("nobody-of-this-name", answer)


def test_with_selinux_the_labels_are_made_right(machine: Machine) -> None:
    seen = machine.look()
    (change,) = accounts.plan(Account(**{**seen.__dict__, "selinux": True}), KEY)
    assert [getattr(step, "script", "") for step in change.steps][-1].endswith(f"restorecon -R '{machine.home}/.ssh'")
