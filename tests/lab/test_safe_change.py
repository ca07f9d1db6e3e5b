"""What a change of a router may never do: touch what is not ours, cut us off, end a foreign session, or be left half-done."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.lab.conftest import FOREIGN_SECONDS, HEALED_SECONDS
from tests.lab.devices import FOREIGN_PEER
from tests.lab.laboratory import ADDRESSES, ROUTERS, WORKERS, Laboratory, wait_for
from tests.lab.router import Session
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Project, Runbooks

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("cluster")]
ROUTER = "openwrt"
FRR = DEVICES[ROUTER]
LEAVING = WORKERS[2]
REVERT_SECONDS = 60
MARGIN_SECONDS = (
    30  # frr-reload over three hundred lines takes a second or two, and more where others want the processor, too
)
HAND_MADE = "\n".join([
    *(f"ip route 203.0.113.{number}/32 blackhole" for number in range(60)),
    *(f"ip prefix-list SITES seq {number * 5} permit 198.51.{number}.0/24 le 28" for number in range(1, 61)),
    "route-map SITES permit 10", " match ip address prefix-list SITES", " set local-preference 70", "exit",
    "route-map SITES deny 20", "exit",
    "router bgp 64512",
    *(
        f" neighbor 10.31.200.{number} {said}"
        for number in range(1, 11)
        for said in (f"remote-as 650{number:02}", f"description branch {number}", "passive", "timers 10 30")
    ),
    " address-family ipv4 unicast",
    *(f"  neighbor 10.31.200.{number} route-map SITES {way}" for number in range(1, 11) for way in ("in", "out")),
    " exit-address-family", "exit",
    "router ospf", " area 7 stub", " distance 115", "exit",
    "access-list MANAGEMENT seq 5 permit 10.31.0.0/16",
    *(f"access-list MANAGEMENT seq {number * 5} permit 192.0.2.{number}/32" for number in range(2, 12)),
])  # fmt: skip


@pytest.fixture(scope="module")
def hand_made(lab: Laboratory) -> Iterator[str]:
    """Two hundred lines that the router's owner has added; the foreign part of what runs with them."""
    before = FRR.running(lab, ROUTER)
    lab.inside(
        ROUTER,
        f"cat >/tmp/hand.conf <<'END'\n{HAND_MADE}\nEND\nvtysh -f /tmp/hand.conf && vtysh -c 'write memory'; rm /tmp/hand.conf",
    )
    text = FRR.foreign(FRR.running(lab, ROUTER))
    assert len(text.splitlines()) - len(FRR.foreign(before).splitlines()) >= 180
    yield text
    undo = [
        f"no {line}"
        for line in HAND_MADE.splitlines()
        if line.startswith(("ip ", "access-list", "route-map SITES deny"))
    ]
    undo += ["no route-map SITES", "router bgp 64512", *(f" no neighbor 10.31.200.{n}" for n in range(1, 11)), "exit"]
    undo += ["router ospf", " no area 7 stub", " no distance 115", "exit"]
    text = "\n".join(undo)
    lab.inside(
        ROUTER,
        f"cat >/tmp/hand.conf <<'END'\n{text}\nEND\nvtysh -f /tmp/hand.conf; vtysh -c 'write memory'; rm /tmp/hand.conf",
    )


@pytest.fixture(scope="module")
def edited(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of its own, whose backups are of this module alone."""
    return Project.of(tmp_path_factory.mktemp("edited"), lab.instance)


@pytest.fixture(scope="module")
def without_a_node(edited: Project) -> Runbooks:
    """The runbooks on an inventory that one worker has left."""
    return edited.edited(hosts={LEAVING: None})


@pytest.fixture(scope="module")
def backups(edited: Project) -> Path:
    return edited.folder / "var" / "backups"


def foreign_session(lab: Laboratory) -> Session:
    found = FRR.session(lab, ROUTER, FOREIGN_PEER)
    assert found is not None
    return found


class TestGuestOfTwoHundredLines:
    """What its owner has written is the same after every kind of change of ours."""

    def test_a_run_leaves_them_as_they_are(self, lab: Laboratory, runbooks: Runbooks, hand_made: str) -> None:
        assert runbooks.deploy("--host", ROUTER, "--output", "json").ended(0).changes == {}
        assert FRR.foreign(FRR.running(lab, ROUTER)) == hand_made

    def test_a_node_that_left_the_inventory_leaves_the_router_too(
        self, lab: Laboratory, without_a_node: Runbooks, hand_made: str
    ) -> None:
        with_it = foreign_session(lab).counters
        answer = without_a_node.deploy("--host", ROUTER, "--output", "json").ended(0)
        assert f"- neighbor {ADDRESSES[LEAVING]} peer-group KUBEPEER" in answer.changes[ROUTER, "FRR configuration"]
        assert ADDRESSES[LEAVING] not in FRR.running(lab, ROUTER)
        assert FRR.foreign(FRR.running(lab, ROUTER)) == hand_made
        assert FRR.foreign(FRR.startup(lab, ROUTER)) in hand_made
        assert foreign_session(lab).counters == with_it

    def test_a_rollback_brings_our_part_back_and_nothing_else(
        self, lab: Laboratory, without_a_node: Runbooks, hand_made: str, backups: Path
    ) -> None:
        (backup,) = (backups / ROUTER).iterdir()
        assert backup.stem in without_a_node.rollback("list").ended(0).text
        assert (
            f"neighbor {ADDRESSES[LEAVING]} peer-group KUBEPEER"
            in without_a_node.rollback("show", "--host", ROUTER).ended(0).text
        )
        gone = FRR.running(lab, ROUTER)
        shown = without_a_node.rollback("apply", "--host", ROUTER, "--dry-run").ended(0)
        assert f"+ neighbor {ADDRESSES[LEAVING]} peer-group KUBEPEER" in shown.text
        assert FRR.running(lab, ROUTER) == gone
        without_a_node.rollback("apply", backup.stem, "--host", ROUTER).ended(0)
        assert FRR.running(lab, ROUTER) == backup.read_text(encoding="utf-8")
        assert FRR.foreign(FRR.running(lab, ROUTER)) == hand_made

    def test_the_cluster_is_whole_again(self, runbooks: Runbooks) -> None:
        runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)


def put_back(runbooks: Runbooks, backups: Path, text: str, router: str = ROUTER) -> Answer:
    """Put a whole configuration back that is none of a good day."""
    path = backups / router / "20300101T000000.000000Z.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    try:
        return runbooks.rollback("apply", "2030", "--host", router, "--replace").ended(1)
    finally:
        path.unlink()


def seconds_between(one: str, other: str) -> float:
    """Two lines of the driver's history on the router, each with its moment."""
    first, second = (datetime.fromisoformat(line.split()[0]) for line in (one, other))
    return (second - first).total_seconds()


TYPOS = {
    "openwrt": ("router bgp 64512\n neighbor 10.31.90.1 remote-as sixty\nexit\n", "line 2"),
    "tiny-unraid": ("protocol bgp kubepeer_typo {\n\tneighbour 10.31.90.1 as 64517;\n}\n", "line 2"),
}


class TestBadChange:
    """A change that should not have been made is taken back, and says why."""

    @pytest.mark.parametrize("router", ROUTERS)
    def test_what_a_router_refuses_is_said_in_its_own_words_and_nothing_is_changed(
        self, lab: Laboratory, without_a_node: Runbooks, backups: Path, router: str
    ) -> None:
        device, (text, line) = DEVICES[router], TYPOS[router]
        before = device.running(lab, router), device.startup(lab, router)
        (said,) = [one for one in put_back(without_a_node, backups, text, router).lines if "refuse" in one]
        assert f"{router}: " in said
        assert line in said
        kept = Path(said.rpartition("kept in ")[2].removesuffix("."))
        assert kept.read_text(encoding="utf-8") == text
        assert (device.running(lab, router), device.startup(lab, router)) == before
        assert lab.try_inside(router, device.pending).returncode != 0

    def test_one_that_ends_a_foreign_session_is_taken_back(
        self, lab: Laboratory, without_a_node: Runbooks, backups: Path
    ) -> None:
        before, started = FRR.running(lab, ROUTER), FRR.startup(lab, ROUTER)
        bad = before.replace(
            f" neighbor {FOREIGN_PEER} remote-as 64999\n",
            f" neighbor {FOREIGN_PEER} remote-as 64999\n neighbor {FOREIGN_PEER} shutdown\n",
        )
        assert bad != before
        answer = put_back(without_a_node, backups, bad)
        assert (
            f"{ROUTER}: after the change the session with {FOREIGN_PEER} was up and is not; it was taken back"
            in answer.text
        )
        assert (FRR.running(lab, ROUTER), FRR.startup(lab, ROUTER)) == (before, started)
        wait_for(
            "the foreign session is up again",
            lambda: foreign_session(lab).established,
            FOREIGN_SECONDS,
        )

    def test_one_that_cuts_management_is_taken_back_by_the_router_itself(
        self, lab: Laboratory, without_a_node: Runbooks, backups: Path
    ) -> None:
        before, started = FRR.running(lab, ROUTER), FRR.startup(lab, ROUTER)
        bad = before.replace("interface eth0\n", "interface eth0\n shutdown\n", 1)
        assert bad != before
        answer = put_back(without_a_node, backups, bad)
        said = "management did not answer after the change; the router has taken it back by itself, and runs as before"
        assert said in answer.text
        assert (FRR.running(lab, ROUTER), FRR.startup(lab, ROUTER)) == (before, started)
        committed, reverted = lab.inside(ROUTER, "tail -n 2 /var/lib/napalm-frr/history").splitlines()
        assert "reverted (not confirmed in time): identical" in reverted
        assert seconds_between(committed, reverted) <= REVERT_SECONDS + MARGIN_SECONDS

    def test_after_both_the_cluster_is_whole(self, runbooks: Runbooks) -> None:
        runbooks.verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 120).ended(0)
        runbooks.deploy("--dry-run", "--detailed-exitcode").ended(0)
