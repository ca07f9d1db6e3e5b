"""What a change must never do, and what must happen when nobody is there any more."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from napalm.base.exceptions import (
    CommitConfirmException,
    CommitError,
    ConnectionException,
    MergeConfigException,
    NapalmException,
    ReplaceConfigException,
)
from napalm_unix_router.testing import live
from napalm_unix_router.testing.live import change_secrets, take_turns, wait_until, watch_secrets

from napalm_bird import BIRDDriver
from napalm_bird.protocols import protocols

Connect = Callable[..., BIRDDriver]

OURS = "/etc/bird/conf.d/napalm.conf"
OWNERS = "/etc/bird/bird.conf"
FRAGMENT = """
protocol bgp node_9 from nodes {
	description "the ninth";
	neighbor 10.31.90.9;
	password "hunter4";
}
"""
NAMES = ("node_1", "node_2")


# A small router has an init script, and no systemd.
SYSTEMCTL = """command -v systemctl >/dev/null || systemctl() { case $1 in
    start | stop | restart) /etc/init.d/$2 $1 ;;
    reload) birdc configure ;;
    esac; }
"""
STOP_TIMER = 'if [ -f unit ]; then systemctl stop "$(cat unit).timer"; else kill -9 "$(cat timer)"; fi'
LEFT_BEHIND = (
    "systemctl list-units --all 'napalm-bird-*' --no-legend --plain; "
    "cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ao '[r]evert.sh'"
)


def shell(device: BIRDDriver, script: str) -> str:
    return live.shell(device, SYSTEMCTL + script)


def owner_and_mode(path: str) -> str:
    """The command that prints them, also where there is no stat: -rw-r----- root bird."""
    return f"ls -l {path} | awk '{{ print $1, $3, $4 }}'"


def running(device: BIRDDriver) -> str:
    return device.get_config("running")["running"]


def startup(device: BIRDDriver) -> str:
    return shell(device, f"cat {OURS}; {owner_and_mode(OURS)}")


def in_force(device: BIRDDriver) -> dict[str, str]:
    """The protocols that BIRD runs, each with the time since when it is in its state."""
    return {one.name: one.since for one in protocols(shell(device, "birdc show protocols"))}


def history(device: BIRDDriver) -> str:
    return shell(device, "tail -n 1 /var/lib/napalm-bird/history")


# BIRD reckons the moment anew from its own clock at each look: it may be told a millisecond otherwise.
RECKONED = 0.05


def seconds(moment: str) -> float:
    """Seconds of the day of a moment as BIRD tells it, 12:00:00.000."""
    hours, minutes, rest = moment.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


@pytest.fixture
def foreign(router: BIRDDriver) -> Callable[[], dict[str, float]]:
    """What is not ours on this router, and since when it is up (second of the day): for a while before the test."""
    ours = {"node_1", "node_2", "node_3", "node_9", "node_10"}

    def look() -> dict[str, float]:
        return {name: seconds(since) for name, since in in_force(router).items() if name not in ours}

    assert look()
    return look


REVERT_IN = 8  # seconds; what is looked at in between must find its time on a busy machine
LATE = 20  # how late what has to come may be seen: 5 s at most on a quiet machine
COMMIT_AND_WAIT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from conftest import new_device
device = new_device()
device.open()
device.load_merge_candidate(config=sys.argv[2])
device.commit_config(revert_in=int(sys.argv[3]))
print("committed", flush=True)
time.sleep(60)
"""


@pytest.fixture
def killed_controller() -> Callable[[], float]:
    """Let a process of its own commit, and kill it; returns when it had committed."""

    def commit_and_die() -> float:
        command = [sys.executable, "-c", COMMIT_AND_WAIT, str(Path(__file__).parent), FRAGMENT, str(REVERT_IN)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as controller:
            assert controller.stdout is not None
            assert controller.stdout.readline() == "committed\n"
            committed = time.monotonic()
            controller.kill()
        return committed

    return commit_and_die


def test_the_timer_on_the_router_reverts_when_the_controller_is_killed(
    router: BIRDDriver, killed_controller: Callable[[], float]
) -> None:
    before, at_start = running(router), startup(router)
    committed = killed_controller()
    assert router.has_pending_commit()
    assert "node_9" in in_force(router)
    assert "node_9" in running(router)
    wait_until(lambda: "node_9" not in in_force(router), REVERT_IN + LATE)
    assert 3 < time.monotonic() - committed < REVERT_IN + LATE
    assert not router.has_pending_commit()
    assert (running(router), startup(router)) == (before, at_start)
    wait_until(lambda: "reverted (not confirmed in time)" in history(router), LATE)


def test_a_restart_after_the_controller_was_killed_reverts_too(
    router: BIRDDriver, killed_controller: Callable[[], float]
) -> None:
    before, at_start = running(router), startup(router)
    committed = killed_controller()
    shell(router, "systemctl restart bird")
    wait_until(lambda: "node_1" in in_force(router), REVERT_IN + LATE)
    assert time.monotonic() - committed < REVERT_IN + LATE
    assert "node_9" not in in_force(router)
    wait_until(lambda: "reverted" in history(router), REVERT_IN + LATE)
    assert (running(router), startup(router)) == (before, at_start)


def test_a_restart_of_bird_reverts(router: BIRDDriver) -> None:
    before, at_start = running(router), startup(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    shell(router, "systemctl restart bird")
    wait_until(lambda: "node_1" in in_force(router), LATE)
    assert "node_9" not in in_force(router)
    assert not router.has_pending_commit()
    assert (running(router), startup(router)) == (before, at_start)
    with pytest.raises(CommitConfirmException, match=r"already reverted: .*BIRD was restarted"):
        router.confirm_commit()
    units = shell(router, LEFT_BEHIND)
    assert units.strip() == ""
    wait_until(lambda: router.get_bgp_neighbors()["global"]["peers"].get("10.32.0.10", {"is_up": True})["is_up"], 60)


def test_the_file_stays_until_it_is_confirmed_and_keeps_its_owner(router: BIRDDriver) -> None:
    shell(router, f"chown root:bird {OURS}; chmod 640 {OURS}; birdc configure")
    at_start, owners = startup(router), shell(router, f"sha256sum {OWNERS}; ls -li {OWNERS}")
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    assert router.has_pending_commit()
    assert startup(router) == at_start
    assert router.get_config()["startup"] != router.get_config()["running"]
    router.confirm_commit()
    assert not router.has_pending_commit()
    assert "node_9" in startup(router)
    assert startup(router).splitlines()[-1] == at_start.splitlines()[-1] == "-rw-r----- root bird"
    assert router.get_config()["startup"] == router.get_config()["running"]
    assert shell(router, f"sha256sum {OWNERS}; ls -li {OWNERS}") == owners
    units = shell(router, LEFT_BEHIND)
    assert units.strip() == ""
    assert shell(router, f"ls -A {OURS.rpartition('/')[0]} | grep -v -e README -e napalm.conf") == ""


def test_nothing_that_is_not_changed_notices(router: BIRDDriver, foreign: Callable[[], dict[str, float]]) -> None:
    before, ours = foreign(), {name: in_force(router)[name] for name in NAMES}
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    router.rollback()
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    router.confirm_commit()
    router.rollback()
    assert foreign() == pytest.approx(before, abs=RECKONED)
    assert {name: in_force(router)[name] for name in NAMES} == ours


def test_a_confirmed_change_is_rolled_back_by_a_later_session(router: BIRDDriver, connect: Connect) -> None:
    before, at_start = running(router), startup(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(message="to be taken back")
    router.close()
    with connect() as later:
        assert "node_9" in in_force(later)
        later.rollback()
        assert "node_9" not in in_force(later)
        assert (running(later), startup(later)) == (before, at_start)
        with pytest.raises(CommitError, match="no confirmed commit to roll back"):
            later.rollback()


def test_the_first_change_of_all_is_rolled_back_to_no_file(router: BIRDDriver) -> None:
    shell(router, f"rm {OURS}; birdc configure")
    assert running(router) == ""
    router.load_merge_candidate(config="protocol static node_1 { ipv4; route 192.0.2.0/24 unreachable; }\n")
    router.commit_config()
    assert shell(router, owner_and_mode(OURS)) == "-rw-r----- bird bird\n"
    router.rollback()
    assert shell(router, f"ls {OURS} 2>&1; birdc configure check").count("No such file") == 1
    assert "node_1" not in in_force(router)


def test_a_pending_change_is_rolled_back_at_once(router: BIRDDriver) -> None:
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    router.rollback()
    assert not router.has_pending_commit()
    assert running(router) == before
    assert "node_9" not in in_force(router)
    with pytest.raises(CommitConfirmException, match="no commit is pending"):
        router.confirm_commit()


def test_a_rollback_does_not_take_other_peoples_work_along(router: BIRDDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config()
    shell(router, f"echo 'define SOMEBODY = 1;' >>{OURS}; birdc configure")
    with pytest.raises(CommitError, match="changed by someone else"):
        router.rollback()
    assert "SOMEBODY" in running(router)
    assert not router.has_pending_commit()


def test_a_typo_is_refused_by_its_line_and_nothing_happens(router: BIRDDriver) -> None:
    before, told = running(router), shell(router, "cat /var/lib/napalm-bird/history; ls /var/lib/napalm-bird")
    with pytest.raises(MergeConfigException, match=r'at line 3: "neighbour 10.31.90.9;": syntax error') as refused:
        router.load_merge_candidate(config="\nprotocol bgp node_9 from nodes {\n neighbour 10.31.90.9;\n}\n")
    assert "Nothing was changed." in str(refused.value)
    with pytest.raises(ReplaceConfigException, match='at line 2: "import filter nowhere;'):
        router.load_replace_candidate(config="protocol static a { ipv4 {\nimport filter nowhere; }; }\n")
    assert router.compare_config() == ""
    assert running(router) == before
    assert shell(router, "cat /var/lib/napalm-bird/history; ls /var/lib/napalm-bird") == told


def test_what_would_run_on_behind_the_include_is_refused(router: BIRDDriver) -> None:
    with pytest.raises(ReplaceConfigException, match=r"line 2: log ... has no end. Nothing was changed"):
        router.load_replace_candidate(config="define A = 1;\nlog syslog\n")
    shell(router, "mkdir -p /etc/bird/conf.d/more; echo 'define MORE = 1;' >/etc/bird/conf.d/more/one.conf")
    with pytest.raises(MergeConfigException, match=r"include"):
        router.load_merge_candidate(config='define A = 1;\n\ninclude "more/one.conf";\n')
    router.load_merge_candidate(config='include "/etc/bird/conf.d/more/one.conf";\ndefine A = MORE;\n')
    router.commit_config()
    router.rollback()
    shell(router, "rm -r /etc/bird/conf.d/more")
    assert "MORE" not in running(router)


def test_a_confirmation_does_not_load_what_the_owner_began_since(router: BIRDDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=REVERT_IN)
    time.sleep(0.2)
    shell(router, f"cp -p {OWNERS} /tmp/owners.conf; echo 'define HALF_DONE = 1;' >>{OWNERS}")
    try:
        with pytest.raises(CommitConfirmException, match=f"Nothing was confirmed.*Changed: {OWNERS}"):
            router.confirm_commit()
        wait_until(lambda: "node_9" not in in_force(router), REVERT_IN + LATE)
    finally:
        shell(router, f"cp -p /tmp/owners.conf {OWNERS}; birdc configure")
    assert "node_9" not in startup(router)


def test_a_name_of_the_owners_is_not_taken(router: BIRDDriver) -> None:
    with pytest.raises(MergeConfigException, match=r'at line 1: "filter backup_in .*": '):
        router.load_merge_candidate(config="filter backup_in { accept; }\n")


def test_another_controller_waits_its_turn(router: BIRDDriver, connect: Connect) -> None:
    with connect(owner="alice@desk") as alice, connect(owner="bob@desk") as bob:
        take_turns(alice, bob, FRAGMENT, "define BOB = 1;\n")
        assert "BOB" in running(router)
        assert "node_9" in running(router)


def test_somebody_elses_failed_configure_does_not_keep_our_change(router: BIRDDriver) -> None:
    """BIRD forgets what it would go back to when a `configure` fails; the guard does it then."""
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=3)
    committed = time.monotonic()
    shell(router, "echo nonsense >/tmp/broken.conf; birdc 'configure \"/tmp/broken.conf\"'")
    wait_until(lambda: "node_9" not in in_force(router), 3 + LATE)
    assert time.monotonic() - committed < 3 + LATE
    wait_until(lambda: "reverted (not confirmed in time)" in history(router), LATE)
    assert running(router) == before


def test_even_when_the_owner_broke_his_file_our_change_goes(router: BIRDDriver) -> None:
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=3)
    shell(router, f"cp -p {OWNERS} /tmp/owners.conf; echo nonsense >>{OWNERS}; birdc configure")
    try:
        wait_until(lambda: "node_9" not in in_force(router), 3 + LATE)
        with pytest.raises(MergeConfigException, match=r"not sound as they stand.*bird.conf:.*syntax error"):
            router.load_merge_candidate(config=FRAGMENT)
    finally:
        shell(router, f"cp -p /tmp/owners.conf {OWNERS}; birdc configure")
    wait_until(lambda: not router.has_pending_commit(), LATE)
    assert running(router) == before


def test_what_the_owner_has_not_loaded_is_not_loaded_by_us(router: BIRDDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    time.sleep(0.2)  # the owner's hand is slower than this
    shell(router, f"cp -p {OWNERS} /tmp/owners.conf; echo 'define HALF_DONE = 1;' >>{OWNERS}")
    try:
        with pytest.raises(CommitError, match=f"has not loaded them.*Changed: {OWNERS}"):
            router.commit_config()
    finally:
        shell(router, f"cp -p /tmp/owners.conf {OWNERS}; birdc configure")
    assert "node_9" not in in_force(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config()
    assert "node_9" in in_force(router)


def test_somebody_elses_reload_takes_a_pending_change_away_and_the_next_call_says_so(router: BIRDDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    shell(router, "systemctl reload bird")
    wait_until(lambda: not router.has_pending_commit(), LATE)
    with pytest.raises(CommitConfirmException, match="somebody made it read its files again"):
        router.confirm_commit()
    assert "node_9" not in in_force(router)


def test_somebody_elses_change_between_diff_and_commit_is_kept(router: BIRDDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    router.compare_config()
    shell(router, f"echo 'define SOMEBODY = 1;' >>{OURS}; birdc configure")
    router.commit_config()
    assert "SOMEBODY" in running(router)
    assert "node_9" in running(router)


@pytest.fixture
def small(router: BIRDDriver) -> Iterator[Callable[[str], None]]:
    """Put a folder onto a small disk, and fill that."""
    folders: list[str] = []

    def fill(folder: str) -> None:
        folders.append(folder)
        mount = f"mount -t tmpfs -o size=256k tmpfs {folder} && cp -a /tmp/small.kept/. {folder}/"
        shell(router, f"cp -a {folder} /tmp/small.kept; {mount}; birdc configure")
        shell(router, f"dd if=/dev/zero of={folder}/filler bs=64k count=16 2>/dev/null")

    yield fill
    for folder in folders:
        shell(router, f"umount {folder}; birdc configure")
    shell(router, "rm -rf /tmp/small.kept")


def test_a_full_disk_below_the_state_changes_nothing(router: BIRDDriver, small: Callable[[str], None]) -> None:
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    small("/var/lib/napalm-bird")
    with pytest.raises(CommitError, match=r"/var/lib/napalm-bird cannot be written; is the disk full"):
        router.commit_config(revert_in=60)
    assert "node_9" not in in_force(router)
    assert running(router) == before
    assert not router.has_pending_commit()


def test_a_full_disk_below_the_file_keeps_the_old_one(router: BIRDDriver, small: Callable[[str], None]) -> None:
    before, at_start = running(router), startup(router)
    router.load_merge_candidate(config=FRAGMENT)
    small(OURS.rpartition("/")[0])
    router.commit_config(revert_in=REVERT_IN)
    with pytest.raises(CommitConfirmException, match=r"the file cannot be written; is the disk full"):
        router.confirm_commit()
    assert router.has_pending_commit()
    assert startup(router) == at_start
    wait_until(lambda: "node_9" not in in_force(router), REVERT_IN + LATE)
    assert (running(router), startup(router)) == (before, at_start)
    wait_until(lambda: "reverted" in history(router), LATE)


def test_a_read_only_disk_is_told(router: BIRDDriver) -> None:
    folder = OURS.rpartition("/")[0]
    shell(router, f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")
    try:
        router.load_merge_candidate(config=FRAGMENT)
        router.commit_config(revert_in=60)
        with pytest.raises(CommitConfirmException, match="read-only"):
            router.confirm_commit()
        assert router.has_pending_commit()
        router.rollback()
    finally:
        shell(router, f"umount {folder}")
    assert "node_9" not in in_force(router)


def test_bird_that_dies_in_the_middle_leaves_no_half_of_a_change(router: BIRDDriver) -> None:
    before, at_start = running(router), startup(router)
    real = "/usr/sbin/birdc"
    # birdc that kills BIRD after it has handed the candidate over
    shell(
        router,
        f"cp -p {real} /tmp/birdc.real; printf '%s\\n' '#!/bin/sh' '/tmp/birdc.real \"$@\"; code=$?' "
        "'pid=$(cat /run/bird/bird.pid 2>/dev/null || pgrep -x bird)' "
        '\'case "$*" in *timeout*) kill -9 "$pid"; sleep 1 ;; esac; exit $code\' '
        f">/tmp/birdc.sh; chmod 755 /tmp/birdc.sh; mount --bind /tmp/birdc.sh {real}",
    )
    try:
        router.load_merge_candidate(config=FRAGMENT)
        with pytest.raises(CommitError, match="BIRD did not take it"):
            router.commit_config(revert_in=60)
    finally:
        shell(router, f"umount {real}; systemctl reset-failed bird; systemctl start bird")
    wait_until(lambda: "node_1" in in_force(router), LATE)
    assert "node_9" not in in_force(router)
    assert (running(router), startup(router)) == (before, at_start)
    assert not router.has_pending_commit()


def test_a_confirmation_that_was_killed_half_way_is_finished_by_the_next_call(router: BIRDDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    shell(
        router,
        f"cd /var/lib/napalm-bird/lock && mkdir decided && birdc configure confirm && : >confirmed && {STOP_TIMER}",
    )
    assert router.has_pending_commit()
    router.load_merge_candidate(config="define NEXT = 1;\n")
    router.commit_config()
    assert "node_9" in startup(router)
    assert "NEXT" in startup(router)


def test_a_change_whose_timers_died_is_taken_back_by_the_next_one(router: BIRDDriver, connect: Connect) -> None:
    with connect(owner="alice@desk") as alice:
        alice.load_merge_candidate(config=FRAGMENT)
        alice.commit_config(revert_in=300)
    shell(
        router,
        f"cd /var/lib/napalm-bird/lock && echo 1 >deadline && birdc configure confirm && {STOP_TIMER}",
    )
    assert router.has_pending_commit()
    router.load_merge_candidate(config="define NEXT = 1;\n")
    router.commit_config()
    assert "node_9" not in in_force(router)
    assert "node_9" not in running(router)
    assert "reverted (overdue) (alice@desk)" in shell(router, "cat /var/lib/napalm-bird/history")


@pytest.fixture
def include_of(router: BIRDDriver) -> Iterator[Callable[[str], None]]:
    """Rewrite the owner's last line."""
    shell(router, f"cp -p {OWNERS} /tmp/owners.conf")

    def rewrite(line: str) -> None:
        shell(router, f"sed -i '$d' {OWNERS}; cat >>{OWNERS} <<'END'\n{line}\nEND\nbirdc configure")

    yield rewrite
    shell(router, f"cp -p /tmp/owners.conf {OWNERS}; rm -f /etc/bird/conf.d/z.conf; birdc configure")


@pytest.mark.parametrize(
    "line",
    [
        'include "conf.d/*.conf"; # relative',
        'include "/etc/bird/conf.d/napalm.conf";',
        ' include "/etc/bird/con?.d/[a-z]*.conf";',
        'define A = 1;\ninclude "conf.d/napalm.conf";define B = 2;',
    ],
)
def test_includes_of_every_kind(
    router: BIRDDriver, include_of: Callable[[str], None], foreign: Callable[[], dict[str, float]], line: str
) -> None:
    shell(router, "echo 'define LAST = 1;' >/etc/bird/conf.d/z.conf")
    include_of(line)
    before = foreign()
    assert "node_1" in in_force(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    assert "node_9" in in_force(router)
    router.confirm_commit()
    assert "node_9" in in_force(router)
    assert foreign() == pytest.approx(before, abs=RECKONED)


@pytest.mark.parametrize(
    "line",
    [
        "# nothing is included",
        '/* \ninclude "/etc/bird/conf.d/napalm.conf";\n*/',
        'include "/etc/bird/conf.d/z*.conf";',
        '# include "/etc/bird/conf.d/*.conf";',
    ],
)
def test_a_file_that_bird_does_not_read_is_told_with_the_cure(
    router: BIRDDriver, include_of: Callable[[str], None], line: str
) -> None:
    include_of(line)
    with pytest.raises(
        MergeConfigException, match=f'Add a line to bird.conf.*: include "{OURS}";. Nothing was changed'
    ):
        router.load_merge_candidate(config="define A = 1;\n")


def test_a_stopped_bird_is_told(router: BIRDDriver) -> None:
    shell(router, "systemctl stop bird")
    try:
        with pytest.raises(MergeConfigException, match=r"BIRD does not answer.*systemctl start bird"):
            router.load_merge_candidate(config=FRAGMENT)
        with pytest.raises(Exception, match=r"systemctl start bird"):
            router.get_bgp_neighbors()
    finally:
        shell(router, "systemctl start bird")
    wait_until(lambda: "node_1" in in_force(router), LATE)


def test_another_main_file_is_told(connect: Connect, base: str) -> None:  # noqa: ARG001
    with (
        connect(config_file="/etc/bird/other.conf") as device,
        pytest.raises(MergeConfigException, match=f"config_file.*It reads: {OWNERS}"),
    ):
        device.load_merge_candidate(config="define A = 1;\n")


def test_times_by_which_no_change_can_be_known_are_told(router: BIRDDriver, include_of: Callable[[str], None]) -> None:
    include_of('timeformat base "%d.%m.%Y";\ninclude "/etc/bird/conf.d/*.conf";')
    with pytest.raises(MergeConfigException, match=r"timeformat base iso long ms"):
        router.load_merge_candidate(config="define A = 1;\n")
    include_of('timeformat base iso long us;\ninclude "/etc/bird/conf.d/*.conf";')
    shell(router, f"sed -i '/^timeformat base .%d/d' {OWNERS}; birdc configure")
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    assert "node_9" in running(router)
    router.rollback()
    assert "node_9" not in in_force(router)


@pytest.fixture
def watched(router: BIRDDriver) -> Callable[[], str]:
    """Note every command line with a secret in it that shows on the router."""
    return watch_secrets(router, "journalctl -b --no-pager 2>/dev/null; cat /var/log/syslog 2>/dev/null")


def test_no_password_shows_on_a_command_line_or_in_a_log(
    router: BIRDDriver, base: str, watched: Callable[[], str]
) -> None:
    change_secrets(router, FRAGMENT, base)
    assert "hunter2" in running(router)
    assert "hunter" not in router.get_config(sanitized=True, full=True)["running"]
    with pytest.raises(MergeConfigException) as refused:
        router.load_merge_candidate(config='protocol bgp node_9 from nodes { password "hunter5" 7; }')
    assert "hunter" not in str(refused.value)
    shell(router, "sh -c 'sleep 0.5; : hunter9'")  # what would be seen, is seen
    assert set(watched().split()) == {"hunter9"}
    assert (
        shell(router, "find /var/lib/napalm-bird -type f -perm /077; find /var/lib/napalm-bird -type d -perm /067")
        == ""
    )


def test_a_user_without_rights_is_told_so(connect: Connect, base: str) -> None:  # noqa: ARG001
    device = connect()
    device.username, device._sudo = "engineer", True
    try:
        device.open()
    except ConnectionException:
        pytest.skip("no user named engineer on this router")
    with device:
        with pytest.raises(Exception, match="sudo"):
            device.get_bgp_neighbors()
        with pytest.raises(NapalmException, match="sudo"):
            device.load_merge_candidate(config="define A = 1;\n")
    device._sudo = False
    with device, pytest.raises(Exception, match="may this user ask it"):
        device.get_bgp_neighbors()
