"""What a change must never do, and what must happen when nobody is there any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from napalm.base.exceptions import CommitConfirmException, CommitError, ConnectionException, MergeConfigException
from napalm_unix_router.testing.live import change_secrets, shell, take_turns, wait_until, watch_secrets

from napalm_frr import FRRDriver

Connect = Callable[..., FRRDriver]
REVERT_IN = 8  # seconds; what is looked at in between must find its time on a busy machine
LATE = 20  # how late what has to come may be seen: 5 s at most on a quiet machine

FRAGMENT = """
ip prefix-list NODES seq 15 permit 10.33.192.0/18
route-map NODES-IN permit 20
 match community PODS
router bgp 64512
 neighbor 10.31.90.3 peer-group NODES
 neighbor 10.31.90.3 description the third
 neighbor 10.31.90.9 remote-as 65009
 neighbor 10.31.90.9 password hunter4
 no neighbor 10.31.90.2
 neighbor NODES password hunter3
"""


@pytest.fixture
def router(device: FRRDriver, base: str) -> FRRDriver:
    """The router with the configuration of tests/merge, nothing pending."""
    device.load_replace_candidate(config=base)
    device.commit_config()
    return device


def running(device: FRRDriver) -> str:
    return device.get_config("running")["running"]


def startup(device: FRRDriver) -> str:
    return shell(device, "cat /etc/frr/frr.conf; ls -l /etc/frr/frr.conf | awk '{ print $1, $3, $4 }'")


def test_the_timer_on_the_router_reverts_when_the_controller_is_gone(router: FRRDriver, connect: Connect) -> None:
    before, at_start = running(router), startup(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=REVERT_IN)
    committed = time.monotonic()
    assert running(router) != before
    router._router()._connection.remote_conn_pre.get_transport().sock.close()  # type: ignore[attr-defined]
    with connect() as later:
        assert later.has_pending_commit()
        wait_until(lambda: not later.has_pending_commit(), REVERT_IN + LATE)
        assert time.monotonic() - committed < REVERT_IN + LATE
        assert running(later) == before
        assert startup(later) == at_start
        assert "reverted (not confirmed in time): identical" in shell(later, "tail -n 1 /var/lib/napalm-frr/history")


def test_the_startup_file_stays_until_it_is_confirmed_and_keeps_its_owner(router: FRRDriver) -> None:
    at_start = startup(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    assert router.has_pending_commit()
    assert startup(router) == at_start
    router.confirm_commit()
    assert not router.has_pending_commit()
    assert "neighbor 10.31.90.3 peer-group NODES" in startup(router)
    # as `write memory` leaves it: `show running-config` without its three words and "!" before and its "end" after
    assert startup(router).splitlines()[:-1] == running(router).splitlines()[4:-1]
    assert startup(router).splitlines()[-1] == at_start.splitlines()[-1]  # owner and mode
    timers = "cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ao '[r]evert.sh'"  # a small router has no pgrep
    units = shell(router, f"systemctl list-units --all 'napalm-frr-*' --no-legend --plain 2>/dev/null; {timers}")
    assert units.strip() == ""


def test_a_confirmed_change_is_rolled_back_by_a_later_session(router: FRRDriver, connect: Connect) -> None:
    before, at_start = running(router), startup(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(message="to be taken back")
    router.close()
    with connect() as later:
        assert running(later) != before
        later.rollback()
        assert running(later) == before
        assert startup(later) == at_start
        with pytest.raises(CommitError, match="no confirmed commit to roll back"):
            later.rollback()


def test_a_pending_change_is_rolled_back_at_once(router: FRRDriver) -> None:
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    router.rollback()
    assert not router.has_pending_commit()
    assert running(router) == before
    with pytest.raises(CommitConfirmException, match="no commit is pending"):
        router.confirm_commit()


def test_a_rollback_does_not_take_other_peoples_work_along(router: FRRDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config()
    shell(router, "vtysh -c 'configure terminal' -c 'ip prefix-list SOMEBODY seq 5 permit any'")
    with pytest.raises(CommitError, match="changed by someone else"):
        router.rollback()
    assert "SOMEBODY" in running(router)
    assert not router.has_pending_commit()


def test_a_typo_is_refused_by_its_line_and_nothing_happens(router: FRRDriver) -> None:
    before, history = running(router), shell(router, "cat /var/lib/napalm-frr/history")
    with pytest.raises(
        MergeConfigException, match=r'line 3: "neighbor 10.31.90.3 tmiers 3 9": Unknown command'
    ) as refused:
        router.load_merge_candidate(
            config="router bgp 64512\n neighbor 10.31.90.3 peer-group NODES\n neighbor 10.31.90.3 tmiers 3 9\n"
        )
    assert "Nothing was changed." in str(refused.value)
    assert router.compare_config() == ""
    assert (running(router), shell(router, "cat /var/lib/napalm-frr/history")) == (before, history)


def test_what_the_daemon_refuses_is_named_and_taken_back(router: FRRDriver) -> None:
    before, at_start = running(router), startup(router)
    router.load_merge_candidate(
        config="\nrouter bgp 64512\n neighbor 10.31.90.8 peer-group NODES\n neighbor 10.31.90.7 peer-group NOWHERE\n"
    )
    with pytest.raises(CommitError) as refused:
        router.commit_config(revert_in=60)
    message = str(refused.value)
    assert 'line 4: "neighbor 10.31.90.7 peer-group NOWHERE": Configure the peer-group first' in message
    assert "The router is back at its old configuration." in message
    assert (running(router), startup(router)) == (before, at_start)
    assert not router.has_pending_commit()


def test_another_controller_waits_its_turn(router: FRRDriver, connect: Connect) -> None:
    with connect(owner="alice@desk") as alice, connect(owner="bob@desk") as bob:
        take_turns(alice, bob, FRAGMENT, "ip prefix-list BOB seq 5 permit any\n")
        assert "BOB" in running(router)


def test_a_change_whose_timer_died_is_taken_back_by_the_next_one(router: FRRDriver, connect: Connect) -> None:
    with connect(owner="alice@desk") as alice:
        alice.load_merge_candidate(config=FRAGMENT)
        alice.commit_config(revert_in=300)
    shell(
        router,
        "cd /var/lib/napalm-frr/lock && echo 1 >deadline && "
        'if [ -f unit ]; then systemctl stop "$(cat unit).timer"; else kill -9 "$(cat timer)"; fi',
    )
    router.load_merge_candidate(config="ip prefix-list NEXT seq 5 permit any\n")
    router.commit_config()
    assert "NEXT" in running(router)
    assert "the third" not in running(router)
    assert "reverted (overdue): identical (alice@desk)" in shell(router, "cat /var/lib/napalm-frr/history")


def test_somebody_elses_change_between_diff_and_commit_is_kept(router: FRRDriver) -> None:
    router.load_merge_candidate(config=FRAGMENT)
    router.compare_config()
    shell(router, "vtysh -c 'configure terminal' -c 'ip prefix-list SOMEBODY seq 5 permit any'")
    router.commit_config()
    assert "SOMEBODY" in running(router)
    assert "the third" in running(router)


def test_a_line_that_is_not_utf_8_is_named(router: FRRDriver) -> None:
    """It is read as another character, so that what runs is never what was read. FRR 10 refuses it in a route-map."""
    bgp = "vtysh -c 'configure terminal' -c 'router bgp 64512'"
    shell(router, f"{bgp} -c \"neighbor 10.31.90.1 description caf$(printf '\\351')\"")
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    try:
        with pytest.raises(CommitError, match=r'nothing was changed: bytes that are not UTF-8 .* description caf.",'):
            router.commit_config()
        assert running(router) == before
    finally:  # no other test could change this router
        shell(router, f"{bgp} -c 'no neighbor 10.31.90.1 description'")
    router.commit_config()
    assert "the third" in running(router)


def test_what_is_on_by_default_shows_when_it_is_off(router: FRRDriver) -> None:
    before = running(router)
    since_10 = int(router.get_facts()["os_version"].partition(".")[0]) >= 10
    router.load_merge_candidate(
        config="router bgp 64512\n neighbor 10.31.90.1 enforce-first-as\n no neighbor 10.32.0.10 enforce-first-as\n"
        " no bgp suppress-duplicates\n"
    )
    expected = "no neighbor 10.32.0.10 enforce-first-as" if since_10 else "neighbor 10.31.90.1 enforce-first-as"
    new = [line[1:].strip() for line in router.compare_config().splitlines()[2:] if line.startswith("+")]
    assert sorted(new) == sorted([expected, "no bgp suppress-duplicates"])
    router.commit_config(revert_in=60)
    router.load_replace_candidate(config=before)
    assert router.compare_config() != ""
    router.rollback()
    assert running(router) == before


def test_a_vrf_is_made_and_removed_with_its_routes(router: FRRDriver) -> None:
    before = running(router)
    router.load_merge_candidate(config="vrf red\n ip route 10.50.0.0/16 blackhole\n")
    router.commit_config()
    assert "red" in router.get_network_instances()
    router.load_merge_candidate(config="no vrf red\n")
    router.commit_config()
    assert running(router) == before


def test_foreign_lines_and_the_foreign_session_are_left_alone(router: FRRDriver) -> None:
    def transit() -> dict[str, object]:
        return router.get_bgp_neighbors_detail("10.32.0.10")["global"][64999][0]  # type: ignore[return-value]

    ends = time.monotonic() + 130  # an earlier test may have reset it, and FRR calls again after two minutes
    while not transit()["up"]:
        if time.monotonic() > ends:
            pytest.skip("no speaker at 10.32.0.10")
        time.sleep(0.5)  # between two looks; the deadline decides
    foreign = [line for line in running(router).splitlines() if "TRANSIT" in line or "10.32.0.10" in line]
    before = transit()
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    router.rollback()
    after = transit()
    assert [line for line in running(router).splitlines() if "TRANSIT" in line or "10.32.0.10" in line] == foreign
    assert (after["up"], after["flap_count"]) == (True, before["flap_count"])


@pytest.fixture
def watched(router: FRRDriver) -> Callable[[], str]:
    """Note every command line with a secret in it that shows on the router; FRR writes its log meanwhile."""
    return watch_secrets(router, "journalctl -b --no-pager 2>/dev/null; cat /var/log/frr/* /var/log/syslog 2>/dev/null")


def test_no_password_shows_on_a_command_line_or_in_a_log(
    router: FRRDriver, base: str, watched: Callable[[], str]
) -> None:
    change_secrets(router, FRAGMENT, base)
    assert "hunter2" in running(router)
    shell(router, "sh -c 'sleep 0.5; : hunter9'")  # what would be seen, is seen
    assert set(watched().split()) == {"hunter9"}
    files = "find /var/lib/napalm-frr ! -type l ! -name startup -exec ls -ld {} +"
    modes = shell(router, f"{files} | grep -v '^....------'")
    assert modes == ""  # startup keeps its own mode, in a folder that root alone can enter


@pytest.fixture
def by_vtysh_alone(router: FRRDriver) -> Iterator[None]:
    """A router that has frr-reload.py has it no more."""
    program = shell(router, "find /usr -name frr-reload.py").strip()
    if program:
        shell(router, f"mount --bind /dev/null {program}")
    yield
    if program:
        shell(router, f"umount {program}")


@pytest.mark.usefixtures("by_vtysh_alone")
def test_a_router_without_frr_reload_is_merged_replaced_and_brought_back(router: FRRDriver, base: str) -> None:
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    assert "the third" in running(router)
    router.rollback()
    assert running(router) == before
    wanted = base.replace("neighbor NODES timers 3 9", "neighbor NODES timers 10 30")
    router.load_replace_candidate(config=wanted.replace(" description towards the clients\n", ""))
    router.commit_config()
    assert "neighbor NODES timers 10 30" in running(router)
    assert "towards the clients" not in running(router)
    router.rollback()
    assert running(router) == before


@pytest.mark.usefixtures("by_vtysh_alone")
def test_without_frr_reload_a_process_of_another_as_takes_the_place_and_goes_again(
    router: FRRDriver, base: str
) -> None:
    lines = sorted(running(router).splitlines())
    router.load_replace_candidate(config=base.replace("router bgp 64512", "router bgp 65000"))
    router.commit_config(revert_in=60)
    assert "router bgp 65000" in running(router)
    router.rollback()
    assert sorted(running(router).splitlines()) == lines


@pytest.mark.usefixtures("by_vtysh_alone")
def test_without_frr_reload_what_a_daemon_refuses_in_a_replacement_is_named_and_taken_back(
    router: FRRDriver, base: str
) -> None:
    before, at_start = running(router), startup(router)
    bad = base.replace(
        " neighbor 10.31.90.1 peer-group NODES\n",
        " neighbor 10.31.90.1 peer-group NODES\n neighbor 10.31.90.7 peer-group NOWHERE\n",
    )
    line = bad.splitlines().index(" neighbor 10.31.90.7 peer-group NOWHERE") + 1
    router.load_replace_candidate(config=bad)
    with pytest.raises(CommitError) as refused:
        router.commit_config(revert_in=60)
    assert f'line {line}: "neighbor 10.31.90.7 peer-group NOWHERE": Configure the peer-group first' in str(
        refused.value
    )
    assert "The router is back at its old configuration." in str(refused.value)
    assert (running(router), startup(router)) == (before, at_start)


def test_a_full_disk_changes_nothing(router: FRRDriver) -> None:
    before = running(router)
    shell(router, "mount -t tmpfs -o size=8k,mode=700 tmpfs /var/lib/napalm-frr")
    try:
        router.load_merge_candidate(config=FRAGMENT)
        with pytest.raises(CommitError, match="disk full"):
            router.commit_config()
        assert not router.has_pending_commit()
    finally:
        shell(router, "umount /var/lib/napalm-frr")
    assert running(router) == before


UNWRITABLE = {
    "a mount of its own": ("mount --bind /etc/frr/frr.conf /etc/frr/frr.conf", "umount /etc/frr/frr.conf"),
    "read-only": ("mount --bind /etc/frr /etc/frr; mount -o remount,bind,ro /etc/frr", "umount /etc/frr"),
    "No space left": (
        """mount -t tmpfs -o size=64k,mode=755 tmpfs /mnt && cp -p /etc/frr/*.conf /mnt
        cat /dev/zero >/mnt/fill 2>/dev/null
        mount --bind /mnt /etc/frr""",
        "umount /etc/frr; umount /mnt",
    ),
}


@pytest.mark.parametrize("why", UNWRITABLE)
def test_a_startup_file_that_could_not_be_saved_is_told_before_anything_is_changed(router: FRRDriver, why: str) -> None:
    """As in many containers and small devices: what is kept running and lost at the next start would be a lie."""
    before = running(router)
    spoil, mend = UNWRITABLE[why]
    shell(router, spoil)
    try:
        at_start = startup(router)
        router.load_merge_candidate(config=FRAGMENT)
        with pytest.raises(CommitError, match=f"nothing was changed: /etc/frr/frr.conf could not be saved.*(?i:{why})"):
            router.commit_config(revert_in=30)
        assert not router.has_pending_commit()
        assert (running(router), startup(router)) == (before, at_start)
        assert shell(router, "ls /etc/frr/frr.conf.napalm 2>/dev/null; true").strip() == ""
    finally:
        shell(router, mend)
    router.commit_config(revert_in=30)
    router.rollback()
    assert running(router) == before


def test_a_startup_file_that_can_no_longer_be_saved_confirms_nothing(router: FRRDriver) -> None:
    before = running(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=30)
    shell(router, "mount --bind /etc/frr/frr.conf /etc/frr/frr.conf")
    try:
        with pytest.raises(CommitConfirmException, match="cannot be written"):
            router.confirm_commit()
        assert router.has_pending_commit(), "its timer still runs"
        assert shell(router, "ls /etc/frr/frr.conf.napalm 2>/dev/null; true").strip() == ""
    finally:
        shell(router, "umount /etc/frr/frr.conf")
    router.rollback()
    assert running(router) == before


def test_a_configuration_in_several_files_is_refused_with_the_cure(router: FRRDriver) -> None:
    own = shell(router, "cat /etc/frr/vtysh.conf")
    shell(router, "echo 'no service integrated-vtysh-config' >/etc/frr/vtysh.conf")
    try:
        before = running(router)
        router.load_merge_candidate(config=FRAGMENT)
        with pytest.raises(CommitError, match=r"nothing was changed: .*say `service integrated-vtysh-config`"):
            router.commit_config()
        assert running(router) == before
        assert not router.has_pending_commit()
    finally:
        shell(router, f"printf %s '{own}' >/etc/frr/vtysh.conf")


def test_a_restart_in_between_reverts_too(router: FRRDriver, start_anew: Callable[[FRRDriver], None]) -> None:
    def restart() -> None:
        lines = sorted(before.splitlines())
        start_anew(router)
        wait_until(lambda: sorted(running(router).splitlines()) == lines, 30)

    before = running(router)
    restart()  # now it is printed in the order of the startup file
    before, at_start = running(router), startup(router)
    router.load_merge_candidate(config=FRAGMENT)
    router.commit_config(revert_in=60)
    assert running(router) != before
    restart()
    assert (running(router), startup(router)) == (before, at_start)
    router.rollback()
    assert not router.has_pending_commit()
    assert (running(router), startup(router)) == (before, at_start)


def test_a_user_without_rights_is_told_so(connect: Connect, base: str) -> None:  # noqa: ARG001
    device = connect()
    device.username, device._sudo = "engineer", True
    try:
        device.open()
    except ConnectionException:
        pytest.skip("no user named engineer on this router")
    with device, pytest.raises(Exception, match="sudo"):
        device.get_bgp_neighbors()
