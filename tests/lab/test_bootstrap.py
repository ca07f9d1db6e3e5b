"""bootstrap.py takes machines that know only a password to hosts that deploy.py can use, and says in one line why it cannot."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.laboratory import ADDRESSES, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Answer, Project, Runbooks

pytestmark = pytest.mark.lab
FIRST, SECOND = WORKERS[2], WORKERS[1]  # Debian 12 and 13
PASSWORD = "lab: only a password"
KEPT = "/root/.ssh-of-the-lab"
# As an installer leaves it: root has a password, nobody's key is there, cloud-init's own drop-in lets passwords in.
TO_A_PASSWORD = f"""set -e
cp -a /etc/shadow /root/shadow-of-the-lab; mv /root/.ssh {KEPT}
mv /etc/ssh/sshd_config.d/lab.conf /root/lab.conf
echo 'root:{PASSWORD}' | chpasswd; echo 'engineer:{PASSWORD}' | chpasswd
printf 'PermitRootLogin yes\\n' >/etc/ssh/sshd_config.d/10-root.conf
printf 'PasswordAuthentication yes\\n' >/etc/ssh/sshd_config.d/50-cloud-init.conf
systemctl reload ssh"""
BACK = f"""[ ! -d {KEPT} ] || {{ rm -rf /root/.ssh; mv {KEPT} /root/.ssh; }}
[ ! -e /root/lab.conf ] || {{ rm -f /etc/ssh/sshd_config.d/*; mv /root/lab.conf /etc/ssh/sshd_config.d/; }}
[ ! -e /root/shadow-of-the-lab ] || mv /root/shadow-of-the-lab /etc/shadow
rm -f /etc/sudoers.d/zz-kubepeer-engineer /etc/sudoers.d/lab; [ ! -d /home/engineer/.ssh-of-the-lab ] || {{
    rm -rf /home/engineer/.ssh; mv /home/engineer/.ssh-of-the-lab /home/engineer/.ssh; }}
systemctl reload ssh"""


@dataclass(frozen=True)
class Bare:
    """Two machines that know only passwords, and a controller that knows neither them nor has a key."""

    lab: Laboratory
    project: Project

    def runbooks(self, access: dict[str, Any] | None = None, *, key: str = "new_key", **host: Any) -> Runbooks:
        """The runbooks of that controller."""
        (self.project.folder / "password").write_text(f"{PASSWORD}\n")
        (self.project.folder / "password").chmod(0o600)
        said = {"first_password": {"file": "password"}, **(access or {})}
        hosts = {name: {"data": {"access": said}, **host} for name in (FIRST, SECOND)}
        defaults = {"connection_options": {"netmiko": {"extras": {"key_file": key}}}}
        return self.project.edited(hosts=hosts, defaults=defaults)

    def bootstrap(
        self, *words: str, access: dict[str, Any] | None = None, hosts: tuple[str, ...] = (FIRST,), **more: Any
    ) -> Answer:
        """bootstrap.py for hosts."""
        chosen = [word for name in hosts for word in ("--host", name)]
        return self.runbooks(access, **more).bootstrap(*chosen, *words)


@pytest.fixture
def bare(lab: Laboratory, tmp_path: Path) -> Iterator[Bare]:
    """Bare machines; whatever a test has made of them, they are as the lab had them afterwards."""
    project = Project.of(tmp_path / "project", lab.instance)
    for name in (FIRST, SECOND):
        lab.inside(name, BACK)
        lab.inside(name, TO_A_PASSWORD)
    yield Bare(lab, project)
    for name in (FIRST, SECOND):
        lab.inside(name, BACK)
    for name in (FIRST, SECOND):
        wait_for(f"{name}: sshd is back", lambda name=name: lab.lab("ssh", name, "true").returncode == 0, 30)


def by_password(lab: Laboratory, name: str) -> bool:
    """Whether sshd would take a password, from root and from anybody."""
    said = [lab.inside(name, f"sshd -T {words}") for words in ("", "-C user=root,host=x,addr=10.31.0.1")]
    return any("passwordauthentication yes" in text or "kbdinteractiveauthentication yes" in text for text in said)


def one_line(answer: Answer, code: int, host: str) -> str:
    """The one error of a host, which is one line."""
    answer.ended(code)
    assert set(answer.errors) == {host}
    error = answer.errors[host]
    assert "\n" not in error
    assert PASSWORD not in answer.text
    return error


def test_a_machine_that_knows_only_a_password_becomes_one_that_deploy_can_use(bare: Bare) -> None:
    lab, both = bare.lab, (FIRST, SECOND)
    assert "there is no file" in bare.bootstrap().ended(2).text
    dry = bare.bootstrap("--make-key", "--dry-run").ended(2)
    assert "a dry run makes none" in dry.text
    answer = bare.bootstrap("--make-key", "--accept-new", "--no-password-login", "--output", "json", hosts=both).ended(
        0
    )
    for name in both:
        assert f"{name} {ADDRESSES[name]}:22 256 SHA256:" in answer.stderr
        key = (bare.project.folder / "new_key.pub").read_text()
        assert lab.inside(name, "cat /root/.ssh/authorized_keys") == key
        assert lab.inside(name, "stat -c '%a %U' /root/.ssh /root/.ssh/authorized_keys").split() == [
            "700",
            "root",
            "600",
            "root",
        ]
        assert not by_password(lab, name)
    assert PASSWORD not in answer.text
    second = bare.bootstrap("--no-password-login", "--output", "json", hosts=both).ended(0)
    assert second.changes == {}
    chosen = [word for name in both for word in ("--host", name)]
    seen = bare.runbooks().deploy("--dry-run", "--output", "json", *chosen).json["phases"][0]["hosts"]
    assert {name: told["error"] for name, told in seen.items()} == dict.fromkeys(both)


def test_where_the_key_no_longer_lets_in_after_the_reload_passwords_do_again(bare: Bare) -> None:
    lab = bare.lab
    bare.bootstrap("--make-key", "--accept-new").ended(0)
    # somebody's line that no sshd has read yet: the reload makes it count
    lab.inside(FIRST, "echo 'AllowUsers engineer' >/etc/ssh/sshd_config.d/20-engineer.conf")
    answer = bare.bootstrap("--no-password-login", "--output", "json")
    said = one_line(answer, 1, FIRST)
    assert "after /etc/ssh/sshd_config.d/00-kubepeer.conf the key no longer lets in" in said
    assert "What stood there stands again" in said
    assert lab.inside(FIRST, "ls /etc/ssh/sshd_config.d").split() == [
        "10-root.conf",
        "20-engineer.conf",
        "50-cloud-init.conf",
    ]
    assert by_password(lab, FIRST)


def test_a_dry_run_shows_the_changes_and_makes_none(bare: Bare) -> None:
    lab = bare.lab
    bare.bootstrap("--make-key", "--accept-new").ended(0)
    lab.inside(FIRST, "rm -r /root/.ssh")
    before = lab.inside(FIRST, "find /etc /root -xdev -type f -exec sha256sum {} + | sort")
    answer = bare.bootstrap("--dry-run", "--no-password-login", "--output", "json").ended(0)
    assert {what for _, what in answer.changes} == {
        "/root/.ssh/authorized_keys",
        "/etc/ssh/sshd_config.d/00-kubepeer.conf",
    }
    assert lab.inside(FIRST, "find /etc /root -xdev -type f -exec sha256sum {} + | sort") == before


def test_the_nodes_reach_each_other_as_root(bare: Bare) -> None:
    wanted = {"keys_among_nodes": True}
    both = (FIRST, SECOND)
    bare.bootstrap("--make-key", "--accept-new", access=wanted, hosts=both).ended(0)
    for name, other in ((FIRST, SECOND), (SECOND, FIRST)):
        said = bare.lab.inside(name, f"ssh -o BatchMode=yes {other} hostname")
        assert said.split(".")[0] == other
    assert bare.bootstrap("--output", "json", access=wanted, hosts=both).ended(0).changes == {}


def test_a_user_with_sudo_brings_roots_key_where_root_has_no_password_of_use(bare: Bare) -> None:
    lab = bare.lab
    lab.inside(FIRST, "echo 'engineer ALL=(ALL:ALL) ALL' >/etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab")
    lab.inside(
        FIRST, "echo PermitRootLogin prohibit-password >/etc/ssh/sshd_config.d/10-root.conf; systemctl reload ssh"
    )
    said = one_line(bare.bootstrap("--make-key", "--accept-new", "--output", "json"), 3, FIRST)
    assert (
        "refused root's password: it is wrong, the account is locked or expired, or sshd takes none of root's" in said
    )
    answer = bare.bootstrap("--output", "json", access={"first_user": "engineer"}).ended(0)
    assert [what for _, what in answer.changes] == ["/root/.ssh/authorized_keys"]


def test_a_login_user_of_his_own_gets_key_and_sudo(bare: Bare) -> None:
    lab = bare.lab
    lab.inside(FIRST, "mv /home/engineer/.ssh /home/engineer/.ssh-of-the-lab")
    lab.inside(FIRST, "echo 'engineer ALL=(ALL:ALL) ALL' >/etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab")
    wanted = {"sudo_without_password": True}
    answer = bare.bootstrap("--make-key", "--accept-new", "--output", "json", access=wanted, username="engineer").ended(
        0
    )
    assert [what for _, what in answer.changes] == [
        "/home/engineer/.ssh/authorized_keys",
        "/etc/sudoers.d/zz-kubepeer-engineer",
    ]
    assert (
        lab.inside(FIRST, "stat -c %U:%G /home/engineer/.ssh /home/engineer/.ssh/authorized_keys").split()
        == ["engineer:engineer"] * 2
    )
    again = bare.bootstrap("--output", "json", access=wanted, username="engineer").ended(0)
    assert again.changes == {}


def test_each_refusal_is_one_line_with_its_cure(bare: Bare) -> None:
    lab, words = bare.lab, ("--make-key", "--accept-new", "--output", "json")
    bare.project.folder.joinpath("wrong").write_text("another one\n")
    bare.project.folder.joinpath("wrong").chmod(0o600)
    wrong = {"first_password": {"file": "wrong"}, "first_user": "engineer"}
    said = one_line(bare.bootstrap(*words, access=wrong), 3, FIRST)
    assert (
        f"{ADDRESSES[FIRST]}:22 refused the password of engineer: it is wrong, or the account is locked or expired"
        in said
    )

    lab.inside(FIRST, "echo PermitRootLogin no >/etc/ssh/sshd_config.d/10-root.conf; systemctl reload ssh")
    lab.inside(FIRST, "echo 'engineer ALL=(ALL:ALL) ALL' >/etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab")
    said = one_line(bare.bootstrap(*words, access={"first_user": "engineer"}), 3, FIRST)
    assert "the key is there, and sshd does not take it from root: PermitRootLogin no" in said

    lab.inside(FIRST, "usermod --expiredate 1 engineer")
    said = one_line(bare.bootstrap(*words, access={"first_user": "engineer"}), 3, FIRST)
    lab.inside(FIRST, "usermod --expiredate '' engineer")
    assert "refused the password of engineer: it is wrong, or the account is locked or expired" in said

    known = bare.project.folder / "var" / "known_hosts"
    lines = known.read_text().splitlines()
    (mine,) = [line for line in lines if line.startswith(f"{ADDRESSES[FIRST]} ")]
    other = (bare.project.folder / "new_key.pub").read_text().split()
    known.write_text(
        "\n".join([line for line in lines if line != mine] + [f"{ADDRESSES[FIRST]} {other[0]} {other[1]}", ""])
    )
    said = one_line(bare.bootstrap(*words), 3, FIRST)
    assert "is not the known one: another machine, or an attacker in between" in said
    assert f"ssh-keygen -R {ADDRESSES[FIRST]}" in said
