"""A change prints itself."""

from typing import Any

import pytest

from kubepeer.change import Change


@pytest.mark.cases("diffs")
def test_a_change_shows_what_stands_and_what_should_stand(case: dict[str, Any]) -> None:
    assert Change(**case["change"]).diff == case["diff"].rstrip("\n")


def test_two_changes_that_say_the_same_are_the_same() -> None:
    assert Change("swap", "on", "off") == Change("swap", "on", "off")
    assert len({Change("swap", "on", "off"), Change("swap", "on", "off")}) == 1


def test_a_byte_that_is_no_text_is_shown_as_one_that_is_not() -> None:
    stands = b"# caf\xe9\nb\n".decode(errors="surrogateescape")
    shown = Change("/etc/hosts", stands, stands.replace("b\n", "c\n")).diff
    assert shown.encode() == "--- /etc/hosts\n+++ /etc/hosts\n@@ -1,2 +1,2 @@\n # caf\ufffd\n-b\n+c".encode()
