"""Passwords are no way in any more: which file says so, what stands against it, and that a bad file never counts."""

from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError
from tasks.access import sshd
from tasks.linux.apply import apply
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import RESTART_MARKERS, LinuxChange


def seen_of(case: dict[str, Any]) -> Seen:
    answers = {
        "sshd": Answer(0, case.get("sshd", "passwordauthentication yes\nkbdinteractiveauthentication no\n")),
        "sshd files": Answer(0, case.get("files", "")),
        "restarts": Answer(0, case.get("restarts", "")),
    }
    answers["sshd for the user"] = Answer(0, case.get("for the user", answers["sshd"].text))
    files = {sshd.MAIN: FileSeen("600", "root:root", case["main"]) if "main" in case else None, sshd.DROP_IN: None}
    return Seen(answers, files)


@pytest.mark.cases("sshd")
def test_what_is_changed_and_what_stands_against_it(case: dict[str, Any]) -> None:
    seen = seen_of(case)
    changes = [(change.what, change.after) for change in sshd.plan(seen, "root")]
    assert changes == [(one["what"], one["after"]) for one in case["changes"]]
    assert sshd.reason_not_to(seen) == case.get("against", "")


class Machine:
    """This machine with an sshd that judges as it is told to."""

    def __init__(self, shell: Any, folder: Path) -> None:
        self.shell, self.file, self.log = shell, folder / "etc/00-kubepeer.conf", folder / "log"
        self.marker = folder / "pending.sshd"

    def apply(self, *, test: str = "true", effect: str = "passwordauthentication no", reload: str = "true") -> None:
        """Apply the step with an sshd whose -t and -T answer so."""
        self.shell.before = f"""sshd() {{ if [ "$1" = -t ]; then {test}; else echo "{effect}"; fi; }}
systemctl() {{ if [ "$1" = is-active ]; then [ "$3" = sshd ]; else echo "$@" >>'{self.log}'; {reload}; fi; }}
mkdir() {{ case "$*" in *run/sshd) ;; *) command mkdir "$@" ;; esac; }}
"""
        step = sshd._step(str(self.file), sshd.CONTENT, "root")
        script = step.script.replace(f"{RESTART_MARKERS}sshd", str(self.marker))
        apply(self.shell, [LinuxChange("sshd", steps=(type(step)("x", script, stdin=step.stdin),))])

    @property
    def left(self) -> list[str]:
        """The files in the folder."""
        return sorted(path.name for path in self.file.parent.iterdir())


@pytest.fixture
def machine(shell: Any, tmp_path: Path) -> Machine:
    return Machine(shell, tmp_path)


def test_a_file_that_sshd_takes_counts_after_a_reload(machine: Machine) -> None:
    machine.apply()
    assert machine.file.read_text() == sshd.CONTENT
    assert machine.left == ["00-kubepeer.conf"]
    assert machine.log.read_text() == "reload sshd\n"
    assert not machine.marker.exists()


@pytest.mark.parametrize("stands", [None, "PasswordAuthentication yes\n"])
@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (
            {"test": "echo 'line 3: Bad configuration option'; return 255"},
            "would not take it: line 3: Bad configuration option",
        ),
        ({"effect": "passwordauthentication yes"}, "it has no effect: passwordauthentication yes"),
        ({"effect": "kbdinteractiveauthentication yes"}, "it has no effect: kbdinteractiveauthentication yes"),
    ],
)
def test_a_file_that_sshd_does_not_take_or_that_has_no_effect_is_gone_again(
    machine: Machine, stands: str | None, judged: dict[str, str], said: str
) -> None:
    machine.file.parent.mkdir()
    if stands:
        machine.file.write_text(stands)
        machine.file.chmod(0o640)
    with pytest.raises(CommandError, match=said):
        machine.apply(**judged)
    assert machine.left == (["00-kubepeer.conf"] if stands else [])
    if stands:
        assert machine.file.read_text() == stands
        assert machine.file.stat().st_mode & 0o777 == 0o640
    assert not machine.log.exists(), "nothing was reloaded"
    assert not machine.marker.exists()


def test_a_reload_that_failed_is_still_pending(machine: Machine) -> None:
    with pytest.raises(CommandError):
        machine.apply(reload="return 1")
    assert machine.marker.exists()


def test_half_a_file_never_counts(machine: Machine) -> None:
    machine.file.parent.mkdir()
    machine.file.write_text("stands\n")
    step = sshd._step(str(machine.file), sshd.CONTENT, "root")
    assert machine.shell.run(step.script, stdin=b"Password").code != 0
    assert (machine.left, machine.file.read_text()) == (["00-kubepeer.conf"], "stands\n")


@pytest.mark.parametrize("stands", [None, FileSeen("600", "root:root", "PermitRootLogin yes\n")])
def test_what_is_undone_stands_as_it_did_and_is_reloaded(stands: FileSeen | None) -> None:
    change = LinuxChange(sshd.MAIN, stands.content if stands else None, "new\n")
    undone = sshd.undo(change, stands)
    assert (undone.what, undone.before, undone.after) == (change.what, change.after, change.before)
    first, second = undone.steps
    assert getattr(first, "content", None) == (stands.content if stands else None)
    assert "systemctl reload" in getattr(second, "script", "")


def test_the_block_stands_at_the_beginning_and_once() -> None:
    once = sshd.at_the_beginning("Port 22\n")
    assert (
        once
        == "# BEGIN kubepeer\nPasswordAuthentication no\nChallengeResponseAuthentication no\n# END kubepeer\nPort 22\n"
    )
    assert sshd.at_the_beginning(f"Port 23\n{once}").endswith("# END kubepeer\nPort 23\nPort 22\n")
