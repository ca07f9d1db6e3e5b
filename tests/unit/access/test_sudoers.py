"""sudo without a password for the login user."""

import pytest

from tasks.access import sudoers
from tasks.linux.observe import FileSeen


@pytest.mark.parametrize(
    ("user", "path", "rule"),
    [
        ("eve", "/etc/sudoers.d/zz-kubepeer-eve", "eve ALL=(ALL:ALL) NOPASSWD: ALL\n"),
        ("eve.adams", "/etc/sudoers.d/zz-kubepeer-eve_adams", "eve\\.adams ALL=(ALL:ALL) NOPASSWD: ALL\n"),
        ("corp\\eve", "/etc/sudoers.d/zz-kubepeer-corp_eve", "corp\\\\eve ALL=(ALL:ALL) NOPASSWD: ALL\n"),
    ],
)
def test_the_rule_is_written_once_and_read_by_nobody_else(user: str, path: str, rule: str) -> None:
    (change,) = sudoers.plan(user, None)
    assert (change.what, change.after) == (path, rule)
    assert "." not in path.rpartition("/")[2]
    assert list(sudoers.plan(user, FileSeen("440", "root:root", rule))) == []
    assert [change.what for change in sudoers.plan(user, FileSeen("644", "root:root", rule))] == [path]
