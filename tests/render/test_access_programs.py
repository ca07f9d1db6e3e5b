"""What bootstrap.py writes, judged by the sshd and the sudo of both releases of Debian that the lab's machines run."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.build.base import base_of
from lab.debian import NEXT_RELEASE, RELEASE
from lab.places import Cache
from tasks.access import sshd, sudoers
from tasks.linux import observe
from tasks.linux.observe import Seen
from tasks.linux.state import Execute
from tests.conftest import unavailable
from tests.render.programs import overlaid

InRoot = Callable[..., str]
# What stands before: the name of a case, and commands that bring it about. Each lets passwords in.
STANDS = {
    "as Debian has it": "",
    "cloud-init's own": "echo PasswordAuthentication yes > /etc/ssh/sshd_config.d/50-cloud-init.conf",
    "a drop-in before ours": "echo PasswordAuthentication=yes > /etc/ssh/sshd_config.d/00-a.conf",
    "the main file before its Include": "sed -i '1i PasswordAuthentication yes' /etc/ssh/sshd_config",
    "no Include": "printf 'PasswordAuthentication yes\\nKbdInteractiveAuthentication yes\\n' > /etc/ssh/sshd_config",
    "by keyboard-interactive alone": (
        "printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication yes\\n' > /etc/ssh/sshd_config.d/60-x.conf"
    ),
}
PREPARE = "mkdir -p /run/sshd; ssh-keygen -A >/dev/null; rm -f /etc/ssh/sshd_config.d/*\n"


@pytest.fixture(params=[RELEASE, NEXT_RELEASE])
def in_root(request: pytest.FixtureRequest, cache: Cache, tmp_path: Path) -> InRoot:
    """Run a script in a root of a release that ends with it; what it reads lies in /mnt."""
    base = base_of(cache, request.param)
    if os.geteuid() != 0 or not base.exists():
        unavailable(f"the lab's base of {request.param} is not built, or not root's: python -m lab build")

    def run(script: str, given: str = "") -> str:
        (tmp_path / "script").write_text(script)
        (tmp_path / "given").write_text(given)
        said = overlaid([base], tmp_path, ["sh", "/mnt/script"])
        assert said.code == 0, said.text
        return said.text

    return run


def look(mark: str) -> str:
    """The script that asks what the plan needs."""
    return observe.script(sshd.questions("root"), sshd.PATHS, mark)


def seen(said: str, mark: str) -> Seen:
    return observe.parse(said.encode(), mark)


@pytest.mark.parametrize("stands", STANDS.values(), ids=STANDS)
def test_sshd_takes_no_passwords_after_the_change_and_a_second_run_changes_nothing(
    in_root: InRoot, stands: str
) -> None:
    before, mark = f"{PREPARE}{stands}\n", observe.new_mark()
    first = seen(in_root(f"{before}{look(mark)}"), mark)
    assert sshd.takes_passwords(first)
    assert sshd.reason_not_to(first) == ""
    (change,) = sshd.plan(first, "root")
    (step,) = change.steps
    assert isinstance(step, Execute)
    applied = f"{before}sh -c {shlex.quote(step.script)} </mnt/given || exit 1\n{look(mark)}"
    second = seen(in_root(applied, step.stdin or ""), mark)
    assert list(sshd.plan(second, "root")) == []
    assert sshd.reason_not_to(second) == ""
    file = second.files[change.what]
    assert file is not None
    assert file.content == change.after
    assert file.owner == "root:root"


def test_a_match_block_is_found_where_sshd_itself_lets_passwords_in(in_root: InRoot) -> None:
    stands = (
        "printf 'PasswordAuthentication no\\nMatch User root\\n  PasswordAuthentication yes\\n' >> /etc/ssh/sshd_config"
    )
    mark = observe.new_mark()
    found = seen(in_root(f"{PREPARE}sed -i /PasswordAuth/d /etc/ssh/sshd_config\n{stands}\n{look(mark)}"), mark)
    assert sshd.takes_passwords(found)
    assert "a Match block lets passwords in" in sshd.reason_not_to(found)


@pytest.mark.parametrize("user", ["eve", "eve.adams", "corp\\eve", "eve@corp.example"])
def test_sudo_itself_takes_the_rule(in_root: InRoot, user: str) -> None:
    in_root(f"({sudoers.CHECK}) </mnt/given", sudoers.content(user))
