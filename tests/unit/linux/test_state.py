"""Files, units and blocks: nothing to do where it is so already, and else exactly that."""

import pytest

from tasks.linux import state
from tasks.linux.observe import FileSeen
from tasks.linux.state import Execute, Write

BLOCK = "# BEGIN kubepeer\n10.0.0.1 a\n10.0.0.2 b\n# END kubepeer\n"


@pytest.mark.parametrize(
    ("stands", "wanted"),
    [
        ("", BLOCK),
        ("127.0.0.1 localhost\n", f"127.0.0.1 localhost\n{BLOCK}"),
        ("127.0.0.1 localhost", f"127.0.0.1 localhost\n{BLOCK}"),
        (BLOCK, BLOCK),
        (f"before\n{BLOCK}after\n", f"before\n{BLOCK}after\n"),
        ("before\n# BEGIN kubepeer\nold\n# END kubepeer\nafter\n", f"before\n{BLOCK}after\n"),
        ("before\n# BEGIN kubepeer\n# END kubepeer\n\n\nafter", f"before\n{BLOCK}\n\nafter"),
        ("before\n# BEGIN kubepeer\nold\n# END kubepeer", f"before\n{BLOCK}"),
        ("# BEGIN other\nx\n# END other\n", f"# BEGIN other\nx\n# END other\n{BLOCK}"),
    ],
)
def test_a_block_stands_once_and_every_other_line_stays(stands: str, wanted: str) -> None:
    assert state.block(stands, ["10.0.0.1 a", "10.0.0.2 b"], "kubepeer") == wanted
    assert state.block(wanted, ["10.0.0.1 a", "10.0.0.2 b"], "kubepeer") == wanted


def test_a_file_that_is_as_it_should_be_is_no_change() -> None:
    assert state.file("/etc/x", "text\n", FileSeen("644", "root:root", "text\n")) is None


@pytest.mark.parametrize(
    ("stands", "before", "after"),
    [
        (None, None, "text\n"),
        (FileSeen("644", "root:root", ""), "", "text\n"),
        (FileSeen("644", "root:root", "text"), "text", "text\n"),
        (FileSeen("600", "engineer:root", "other\n"), "other\n", "text\n"),
        (FileSeen("600", "root:root", "text\n"), "mode 600 owner root:root", "mode 644 owner root:root"),
        (FileSeen("644", "engineer:root", "text\n"), "mode 644 owner engineer:root", "mode 644 owner root:root"),
    ],
)
def test_a_file_that_differs_is_written_whole(stands: FileSeen | None, before: str | None, after: str) -> None:
    change = state.file("/etc/x", "text\n", stands)
    assert change is not None
    assert (change.what, change.before, change.after) == ("/etc/x", before, after)
    assert change.steps == (Write("/etc/x", "text\n", "644", "root:root"),)


def test_a_secret_file_does_not_show_what_it_was_or_is() -> None:
    change = state.file("/etc/x", "new", FileSeen("600", "root:root", "old"), mode="600", secret=True)
    assert change is not None
    assert change.diff == "~ /etc/x (secret: not shown)"


def test_a_unit_that_runs_and_will_after_a_boot_is_no_change() -> None:
    assert state.unit("kubelet", "active", "enabled") is None


@pytest.mark.parametrize(
    ("active", "enabled"),
    [("inactive", "enabled"), ("active", "disabled"), ("failed", "masked"), ("activating", "enabled")],
)
def test_a_unit_that_does_not_is_enabled_and_started(active: str, enabled: str) -> None:
    change = state.unit("kubelet", active, enabled)
    assert change is not None
    assert (change.what, change.before, change.after) == ("unit kubelet", f"{enabled}, {active}", "enabled, active")
    (step,) = change.steps
    assert isinstance(step, Execute)
    assert step.script == "systemctl enable --now kubelet"


@pytest.mark.parametrize("change", [state.restart("containerd"), state.unit("containerd", "failed", "enabled")])
def test_a_unit_that_does_not_start_is_explained_by_its_state_and_its_journal(change: state.LinuxChange) -> None:
    (step,) = change.steps
    assert isinstance(step, Execute)
    assert "systemctl is-active containerd" in step.explanation
    assert "journalctl -u containerd -n 3" in step.explanation


def test_only_the_changes_that_there_are_remain_in_their_order() -> None:
    one, two = state.restart("containerd"), state.action("swap", "off", "swapoff -a")
    assert state.present(None, one, None, two) == (one, two)
    assert state.present(None) == ()
