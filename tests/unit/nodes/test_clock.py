"""The scripts of a node's clock, run with programs that answer as chrony and systemd do (recorded with chrony 4.3)."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.linux.observe import Answer, Seen
from tasks.linux.state import Execute
from tasks.nodes import clock
from tasks.nodes.clock import CHRONY_QUESTION, CHRONY_WAIT, NTP_WAIT
from tasks.nodes.systems import System

DEBIAN = System("debian", version="12")
FOLLOWED = "^,-,127.0.0.1,8,6,7,0,-0.000000344,0.000001059,0.000002144\n^,*,127.0.0.9,8,6,7,0,-0.000000277,0.000001122,0.000003012"
SILENT = "^,?,127.0.0.1,0,6,0,4294967295,0.000000000,0.000000000,0.000000000"
ACTIVE = ("active", "enabled")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a script with these programs before the real ones; /etc, /run and /usr/share are folders of this test."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text("ID=debian\n")

    def once(script: str, **programs: str) -> subprocess.CompletedProcess[str]:
        for name, text in programs.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        moved = re.sub(r"(?<![\w./}])/(?=(?:etc|run|usr/share)/)", f"{tmp_path}/", script)
        return subprocess.run(
            ["/bin/sh", "-s"], input=moved, text=True, capture_output=True, check=False, cwd=tmp_path,
            env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
        )  # fmt: skip

    return once


def chronyc(sources: str, *, waits: bool = True) -> str:
    """`chronyc -c -n sources`; `waitsync` notes that it was called, and then somebody is followed or not."""
    after = FOLLOWED if waits else sources
    return (
        f"case $* in *waitsync*) touch waited; exit {0 if waits else 1};; esac\n"
        f"[ -e waited ] && printf '%s\\n' '{after}' || printf '%s\\n' '{sources}'"
    )


SYSTEMCTL = "read -r u _ </proc/uptime; echo $(( (${{u%.*}} - {age}) * 1000000 + 1))"


@pytest.mark.parametrize(
    ("sources", "age", "waited", "said"),
    [
        (FOLLOWED, 5, False, FOLLOWED),
        (SILENT, 5, True, FOLLOWED),  # it has just begun, after a boot
        (SILENT, 3600, False, SILENT),
    ],
    ids=["followed", "young", "old"],
)
def test_only_a_daemon_that_has_just_begun_is_given_time(
    run: Run, tmp_path: Path, sources: str, age: int, said: str, *, waited: bool
) -> None:
    done = run(CHRONY_QUESTION, chronyc=chronyc(sources), systemctl=SYSTEMCTL.format(age=age))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == said
    assert (tmp_path / "waited").exists() is waited


def test_no_chrony_is_nobody_that_is_followed(run: Run) -> None:
    done = run(CHRONY_QUESTION, chronyc="echo '506 Cannot talk to daemon'; exit 1", systemctl="echo 0")
    seen = Seen({"time source": Answer(done.returncode, done.stdout)}, {})
    assert done.returncode == 0
    assert not clock.follows(seen)


@pytest.mark.parametrize(
    ("sources", "waits", "says"),
    [
        (SILENT, True, ""),
        (SILENT, False, "127.0.0.1 does not answer, for 30 s\n"),
        (
            f"{SILENT}\n{SILENT.replace('0.0.1', '0.0.2')}",
            False,
            "127.0.0.1 does not answer, 127.0.0.2 does not answer, for 30 s\n",
        ),
        ("^,x,10.31.0.2,2,6,377,1,0.1,0.1,0.1", False, "no server is followed (chronyc sources), for 30 s\n"),
    ],
    ids=["it_comes", "silent", "both_silent", "a_falseticker"],
)
def test_who_does_not_answer_is_named(run: Run, sources: str, says: str, *, waits: bool) -> None:
    done = run(CHRONY_WAIT, chronyc=chronyc(sources, waits=waits))
    assert (done.returncode, done.stderr) == (0 if waits else 1, says)


def test_a_daemon_that_has_become_slow_to_ask_is_told_to_ask_now(run: Run) -> None:
    asked_at_last = "case $* in 'burst '*) touch asked;; *waitsync*) [ -e asked ];; esac"
    assert run(CHRONY_WAIT, chronyc=asked_at_last).returncode == 0


PEERS = """     remote           refid      st t when poll reach   delay   offset  jitter
==============================================================================
{}10.31.0.2       10.31.0.9        2 u   12   64  {}    0.100    0.100   0.100"""


@pytest.mark.parametrize(
    ("peers", "code", "says"),
    [
        (PEERS.format("*", 377), 0, ""),
        (PEERS.format(" ", 0), 1, "10.31.0.2 does not answer, for 60 s\n"),
        (PEERS.format("x", 377), 1, "no server is followed (ntpq -p), for 60 s\n"),
    ],
    ids=["followed", "silent", "a_falseticker"],
)
def test_ntpd_says_the_same(run: Run, peers: str, code: int, says: str) -> None:
    done = run(NTP_WAIT, ntpq=f"cat <<'END'\n{peers}\nEND", sleep="")
    assert (done.returncode, done.stderr) == (code, says)


def test_servers_of_other_files_become_comments_and_ours_stay(run: Run, tmp_path: Path, intent_of: Any) -> None:
    ours = tmp_path / clock.CHRONY_FILE.lstrip("/")
    debian, site = tmp_path / "etc/chrony/chrony.conf", tmp_path / "etc/chrony/conf.d/site.conf"
    for file in (ours, site):
        file.parent.mkdir(parents=True)
        file.write_text("server 192.0.2.1 iburst\n")
    debian.write_text(
        "confdir /etc/chrony/conf.d\n pool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nserverstats\n"
    )
    (tmp_path / "run").mkdir()
    intent = intent_of()
    question = clock.questions(intent)["other time servers"]
    said = run(question).stdout.replace(str(tmp_path), "")
    assert said == (
        "/etc/chrony/chrony.conf: pool 2.debian.pool.ntp.org iburst\n/etc/chrony/conf.d/site.conf:server 192.0.2.1 iburst\n"
    )
    nothing = {"restarts": Answer(0, ""), "time source": Answer(0, FOLLOWED), "zone": Answer(0, "")}
    seen = Seen(nothing | {"other time servers": Answer(0, said)}, {clock.CHRONY_FILE: None})
    for change in clock.plan(intent, DEBIAN, seen, ACTIVE):
        if change and change.what.startswith("/etc/chrony/"):
            (step,) = change.steps
            assert isinstance(step, Execute)
            assert run(step.script).returncode == 0
    assert run(question).stdout == ""
    assert debian.read_text() == (
        "confdir /etc/chrony/conf.d\n#kubepeer:  pool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nserverstats\n"
    )
    assert site.read_text() == "#kubepeer: server 192.0.2.1 iburst\n"
    assert ours.read_text() == "server 192.0.2.1 iburst\n"
    assert (tmp_path / "run/kubepeer-restart-pending.chrony").exists()


@pytest.mark.parametrize(("zone", "code"), [("Asia/Shanghai", 0), ("Asia/Nowhere", 1)])
def test_the_zone_is_a_link_and_debians_name(run: Run, tmp_path: Path, intent_of: Any, zone: str, code: int) -> None:
    there = tmp_path / "usr/share/zoneinfo/Asia/Shanghai"
    there.parent.mkdir(parents=True)
    there.write_text("TZif2")
    (tmp_path / "etc/timezone").write_text("Etc/UTC\n")
    intent = intent_of(defaults_file={"data": {"time": {"zone": zone}}})
    seen = Seen(
        dict.fromkeys(("restarts", "time source", "other time servers", "zone"), Answer(0, "")),
        {clock.CHRONY_FILE: None},
    )
    (change,) = [change for change in clock.plan(intent, DEBIAN, seen, ACTIVE) if change and change.what == "time zone"]
    (step,) = change.steps
    assert isinstance(step, Execute)
    done = run(step.script)
    assert done.returncode == code
    if code:
        assert done.stderr.replace(str(tmp_path), "") == (
            "there is no /usr/share/zoneinfo/Asia/Nowhere: install tzdata, or correct time.zone\n"
        )
        assert not (tmp_path / "etc/localtime").exists()
    else:
        assert (tmp_path / "etc/localtime").readlink() == there
        assert run(clock.ZONE_QUESTION).stdout == f"{there}\n{zone}\n"
