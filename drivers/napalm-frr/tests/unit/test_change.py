"""What the router's scripts are told, and what their answers mean."""

from __future__ import annotations

import hashlib
import subprocess

import pytest
from napalm_unix_router.scripts import Order

from napalm_frr.change import REASONS, SCRIPTS, check_script, never_the_same, refusals

CANDIDATE = "router bgp 1\n neighbor X password 'quoted' \"twice\" $HOME\n"
ORDER = Order(
    standing="what runs\n",
    values={"engine": "merge"},
    files={"candidate": CANDIDATE, "fragment": "", "secrets_forward": "", "way_back": ""},
)
COMMIT = SCRIPTS.commit("alice@desk", "it's $(touch /tmp/never) `here`\nand there", 60, ORDER)
WORK = "{\n# Expects:"


def shell(script: str) -> str:
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout


def until(script: str, word: str) -> str:
    """The assignments and functions of a script, without what it does."""
    return script[: script.index(word)]


def test_values_reach_the_router_as_they_are() -> None:
    prepared = until(COMMIT, WORK)
    assert shell(f'{prepared}printf %s "$message"') == "it's $(touch /tmp/never) `here` and there"
    assert shell(f"{prepared}candidate") == CANDIDATE
    assert shell(f'{prepared}printf %s "$expected"') == hashlib.sha256(b"what runs\n").hexdigest()


@pytest.mark.parametrize("part", [0.5, 0.9, 0.99])
def test_a_script_that_did_not_arrive_in_full_does_nothing(part: float) -> None:
    script = COMMIT
    begin = script.index(WORK)
    cut = script[begin : begin + int((len(script) - begin) * part)].replace(WORK, "{\necho began >&2\n")
    done = subprocess.run(["sh", "-s"], input=f"{script[:begin]}{cut}", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "began" not in done.stderr


def test_an_empty_file_stays_empty() -> None:
    assert shell(f"{until(COMMIT, WORK)}fragment | wc -c").strip() == "0"


@pytest.mark.parametrize(
    "script",
    [
        COMMIT,
        SCRIPTS.confirm("o'wner"),
        SCRIPTS.rollback("o'wner", "why; not"),
        SCRIPTS.pending(),
        check_script("x"),
    ],
    ids=("commit", "confirm", "rollback", "pending", "check"),
)
def test_every_script_is_sound_shell(script: str) -> None:
    subprocess.run(["sh", "-n"], input=script, check=True, text=True)


def test_the_parsers_refusal_is_read() -> None:
    said = "line 5: % Unknown command[4]: foo bar\nline 7: % Command incomplete[25]: no neighbor N remote-as\n"
    assert refusals(said) == [(5, "foo bar", "Unknown command"), (7, "no neighbor N remote-as", "Command incomplete")]


def test_a_daemons_words_come_before_the_line_that_it_refused() -> None:
    said = (
        "% Specify remote-as or peer-group commands first\n"
        "line 2: Failure to communicate[13] to bgpd, line:  neighbor 10.31.90.9 activate\n\n"
        "% [ZEBRA] Unknown command: XFRR_end_configuration\n"
    )
    assert refusals(said) == [(2, "neighbor 10.31.90.9 activate", "Specify remote-as or peer-group commands first")]


def test_reasons_name_the_cure() -> None:
    assert "frr-pythontools" in REASONS.why(41, "")
    assert REASONS.why(42, "alice@desk 1795404681 \n").startswith(
        "a change of alice@desk is pending until 03:31:21 UTC"
    )
    assert "could not be reverted" in REASONS.why(42, "alice@desk 1795404681 failed")
    assert REASONS.why(51, "alice@desk\n").startswith("the pending change is alice@desk's")
    assert REASONS.why(99, "neighbor X password s3cret") == "exit code 99: neighbor X password ********"


@pytest.mark.parametrize(
    ("running", "says"),
    [
        ("hostname r1\nrouter bgp 1\n", "its configuration keeps changing under our hands"),
        (
            "route-map A permit 10\n description caf\ufffd\n",
            'in its line "description caf\ufffd", and it cannot be compared',
        ),
        (" neighbor N password caf\ufffd\n", 'in its line "neighbor N password ********"'),
    ],
)
def test_what_is_never_the_same_is_named_and_a_password_in_it_is_not(running: str, says: str) -> None:
    assert says in never_the_same(running)
