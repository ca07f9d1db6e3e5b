"""Nodes behind a jump host, on another port, by names of ssh_config, with a sudo that asks: deploy.py and drift.py as always."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.laboratory import ADDRESSES, WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Project, Runbooks

pytestmark = pytest.mark.lab
NODE, JUMP = WORKERS[1], WORKERS[2]
PORT = 2222
PASSWORD = "a password, for sudo"
# The node's sshd listens on another port, too, and lets in nobody there who comes from elsewhere than the jump host. engineer may use
# sudo with his password. systemd refuses a sixth start within ten seconds (StartLimitBurst), unless it is told to forget the others.
FAR = f"""set -e
cp -a /etc/shadow /root/shadow-of-the-lab; echo 'engineer:{PASSWORD}' | chpasswd
echo 'engineer ALL=(ALL:ALL) ALL' >/etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab
printf 'Port 22\\nPort {PORT}\\nMatch LocalPort {PORT} Address *,!{ADDRESSES[JUMP]}\\n  DenyUsers *\\n' >/etc/ssh/sshd_config.d/00-far.conf
systemctl reset-failed ssh; systemctl restart ssh"""
NEAR = """rm -f /etc/sudoers.d/lab /etc/ssh/sshd_config.d/00-far.conf
[ ! -e /root/shadow-of-the-lab ] || mv /root/shadow-of-the-lab /etc/shadow
systemctl reset-failed ssh; systemctl restart ssh"""


@pytest.fixture
def far(lab: Laboratory) -> Iterator[Laboratory]:
    """The node as it is far away, and as the lab has it afterwards."""
    lab.inside(NODE, NEAR)
    lab.inside(NODE, FAR)
    yield lab
    lab.inside(NODE, NEAR)
    wait_for(f"{NODE}: sshd is back", lambda: lab.lab("ssh", NODE, "true").returncode == 0, 30)


def runbooks(lab: Laboratory, folder: Path, password: str = PASSWORD) -> Runbooks:
    """A controller that knows the node by a name of ssh_config alone."""
    project = Project.of(folder / "project", lab.instance)
    key = project.folder / "var/lab" / lab.instance.cache.key.name
    (project.folder / "ssh_config").write_text(f"""
Host far
  HostName {ADDRESSES[NODE]}
  Port {PORT}
  ProxyJump jump
Host jump
  HostName {ADDRESSES[JUMP]}
  User engineer
  IdentityFile {key}
""")
    (project.folder / "sudo").write_text(f"{password}\n")
    (project.folder / "sudo").chmod(0o600)
    access = {"sudo_password": {"file": "sudo"}}
    host = {"hostname": "far", "username": "engineer", "data": {"address": ADDRESSES[NODE], "access": access}}
    return project.edited(hosts={NODE: host}, config={"ssh": {"config_file": "ssh_config"}})


def test_a_node_behind_a_jump_host_on_its_own_port_and_with_a_sudo_that_asks_is_as_any_other(
    far: Laboratory, tmp_path: Path
) -> None:
    books = runbooks(far, tmp_path)
    answer = books.deploy("--dry-run", "--output", "json", "--host", NODE)
    observed = next(phase for phase in answer.json["phases"] if phase["title"] == "Observe")["hosts"]
    assert {name: told["error"] for name, told in observed.items()} == {NODE: None}
    known = (tmp_path / "project/var/known_hosts").read_text()
    assert f"[{ADDRESSES[NODE]}]:{PORT} " in known
    assert PASSWORD not in answer.text


def test_a_wrong_sudo_password_is_one_line(far: Laboratory, tmp_path: Path) -> None:
    answer = (
        runbooks(far, tmp_path, password="another one").deploy("--dry-run", "--output", "json", "--host", NODE).ended(1)
    )
    assert answer.errors[NODE].startswith(
        f"{NODE}: sudo refused: the password is wrong Cure: name the password's source"
    )
