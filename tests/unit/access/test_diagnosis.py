"""Why a key that is there lets nobody in."""

from typing import Any

import pytest

from tasks.access import diagnosis
from tasks.access.account import Account
from tasks.linux.observe import Answer, Seen, ask


@pytest.mark.cases("refused_keys")
def test_the_machine_says_why_it_does_not_take_the_key(case: dict[str, Any]) -> None:
    found = Account(case["user"], "0", "0", "/root", case.get("shell", "/bin/bash"), "/root/.ssh/authorized_keys")
    said = {"sshd for the user": "", "password": "", "expiry": "", "journal": "", **case["seen"]}
    seen = Seen({name: Answer(0, text) for name, text in said.items()}, {})
    assert list(diagnosis.reason(found, seen)) == [case["why"], case["cure"]]


@pytest.mark.parametrize(("day", "said"), [("", ""), ("999999", ""), ("1", "1970-01-02\n")])
def test_the_day_of_an_account_is_read_from_shadow(shell: Any, day: str, said: str) -> None:
    shell.before = f"getent() {{ echo 'eve:*:19000:0:99999:7::{day}:'; }}\n"
    answer = ask(shell, {"expiry": diagnosis.questions("eve")["expiry"]})["expiry"]
    assert answer.text == said.strip()
