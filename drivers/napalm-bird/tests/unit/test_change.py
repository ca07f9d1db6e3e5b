"""The scripts that are sent to the router, and what their answers mean."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from napalm_unix_router.scripts import Order

from napalm_bird.change import Refusal, Site, refusal

SITE = Site(include="/etc/bird/it's here/napalm.conf")
SCRIPTS, REASONS = SITE.scripts, SITE.reasons
CANDIDATE = 'protocol bgp x { password "quo\'ted"; } # $HOME\n'
ORDER = Order("what stands\n", {"candidate": CANDIDATE})
COMMIT = SCRIPTS.commit("alice@desk", "it's $(touch /tmp/never) `here`\nand there", 60, ORDER)
WORK = "{\n# Expects:"


def shell(script: str) -> str:
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout


def prepared(script: str) -> str:
    """The assignments and functions of a script, without what it does."""
    return script[: script.index(WORK)]


def test_values_reach_the_router_as_they_are() -> None:
    script = prepared(COMMIT)
    assert shell(f'{script}printf %s "$message"') == "it's $(touch /tmp/never) `here` and there"
    assert shell(f'{script}printf %s "$include"') == SITE.include
    assert shell(f"{script}candidate") == CANDIDATE
    assert shell(f'{script}printf %s "$expected"') == hashlib.sha256(b"what stands\n").hexdigest()
    assert shell(f"{script}revert_script") == SCRIPTS.script("revert")


def test_an_empty_file_stays_empty() -> None:
    script = prepared(SCRIPTS.commit("me", "", 1, Order("", {"candidate": ""})))
    assert shell(f"{script}candidate | wc -c").strip() == "0"


@pytest.mark.parametrize(
    "script",
    [
        COMMIT,
        *(SCRIPTS.script(name, {"owner": "o'wner"}) for name in ("confirm", "rollback", "check", "pending", "revert")),
    ],
)
def test_every_script_is_sound_shell(script: str) -> None:
    subprocess.run(["sh", "-n"], input=script, check=True, text=True)


@pytest.mark.parametrize(
    ("shown", "difference"),
    [
        ("0002", ""),  # BIRD does not run
        (
            "     Last reboot on 2026-11-24 15:13:13.075\n     Last reconfiguration on 2026-11-24 15:13:15.084\n",
            "2009\n",
        ),
        ("     Last reboot on 24.11.2026\n     Last reconfiguration on 24.11.2026\n", ""),
        ("     Last reboot on 2026-11-24 15:13:13\n     Last reconfiguration on 2026-11-24 15:13:15\n", ""),
    ],
)
def test_a_configuration_is_named_by_when_it_was_read_after_the_start(shown: str, difference: str) -> None:
    script = SCRIPTS.script("pending")
    script = script[: script.index("{\n# Prints")]
    assert shell(f"{script}ask() {{ printf '{shown}'; }}\nloaded || true") == difference


@pytest.mark.parametrize("wrong", [[1], [2], [1, 4], [3, 5]])
def test_two_looks_agree_on_when_a_configuration_was_read(tmp_path: Path, wrong: list[int]) -> None:
    """BIRD 3 tells a moment otherwise now and then, under load: by 40 ms in these looks, each time by more."""
    script = SCRIPTS.script("pending")
    script = script[: script.index("{\n# Prints")]
    ask = f"""
    ask() {{
        echo >>{tmp_path}/looks
        look=$(wc -l <{tmp_path}/looks)
        case " {" ".join(map(str, wrong))} " in *" $look "*) late=$((look * 40)) ;; *) late=0 ;; esac
        echo ' Last reboot on 2026-11-24 15:13:13.075'
        echo " Last reconfiguration on 2026-11-24 15:13:15.$((100 + late))"
    }}
    """
    assert shell(f"{script}{ask}loaded") == "2025\n"


def test_the_place_of_a_refusal_is_found() -> None:
    said = "/var/lib/napalm-bird/check.77/candidate.conf:27:5 syntax error, unexpected CF_SYM_UNDEFINED\n"
    assert refusal(said, SITE) == Refusal(
        is_candidate=True, file=SITE.include, line=27, words="syntax error, unexpected CF_SYM_UNDEFINED"
    )
    said = "/var/lib/napalm-bird/changes/x/live/bird.conf:3:5 Symbol 'x' already defined"
    assert refusal(said, SITE) == Refusal(
        is_candidate=False, file="/etc/bird/bird.conf", line=3, words="Symbol 'x' already defined"
    )
    said = "/etc/bird/other.conf:3:5 Invalid"
    assert refusal(said, SITE) == Refusal(is_candidate=False, file="/etc/bird/other.conf", line=3, words="Invalid")
    assert refusal("No space left on device", SITE) is None


def test_reasons_name_the_cure() -> None:
    assert "systemctl start bird" in REASONS.why(41, "")
    assert REASONS.why(42, "alice@desk 1795404681\n").startswith("a change of alice@desk is pending until 03:31:21 UTC")
    assert REASONS.why(51, "alice@desk\n").startswith("the pending change is alice@desk's")
    assert REASONS.why(52, "").endswith('include "/etc/bird/it\'s here/napalm.conf";')
    assert REASONS.why(99, 'password "s3cret"') == 'exit code 99: password "********"'
