"""The FRR driver on real routers in an instance of its own: FRR 8.4 without comforts; FRR 8.4, 10.3 and the newest with frr-reload.py.

Its live tests run against each, NAPALM's configuration suite among them; and whoever dies in the middle of a change,
the controller or the router, the old configuration runs again, byte for byte.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.topology import BIRD3, BIRD_BOX, FRR8, FRR10, FRR_SID, MACHINES, NETBOX, OPENWRT, RACK2_NODES, STANDARD, TORS
from tests.lab.driven import OPTIONS, Driven, built_for, first_at_once, instance_of, powered
from tests.lab.laboratory import Laboratory, wait_for

INSTANCE = "kp-frr"
FULL = "tests/live/test_round_trip.py"  # every daemon's whole configuration: some minutes, and so in PART=routers
REVERT_IN, LATER = 10, 60
GRACE = 20  # 5 s on a quiet machine; reverting reads and writes the whole configuration, and others may want the processor, too
NEWEST = "newest"
ROUTERS = {OPENWRT: "8.4", FRR8: "8.4", FRR10: "10.3", FRR_SID: NEWEST}
RESTART = "if command -v systemctl; then systemctl restart frr; else /etc/init.d/frr restart; fi >/dev/null"
# A controller that commits and then does nothing more. It says how far it is.
CONTROLLER = """
import json, sys, time
from napalm import get_network_driver
host, options, fragment, revert_in = sys.argv[1:]
with get_network_driver("frr")(host, "root", "", optional_args=json.loads(options)) as router:
    router.load_merge_candidate(config=fragment)
    print("committing", flush=True)
    router.commit_config(revert_in=int(revert_in))
    print("committed", flush=True)
    time.sleep(600)
"""


@dataclass(frozen=True)
class Router(Driven):
    """One that runs FRR."""

    def running(self) -> str:
        """What runs."""
        return self.inside("vtysh -c 'show running-config'")

    def startup(self) -> str:
        """What the next start reads."""
        return self.inside("cat /etc/frr/frr.conf")

    def history(self) -> str:
        """What the driver noted of its last change."""
        return self.inside("tail -n 1 /var/lib/napalm-frr/history")

    def fragment(self) -> str:
        """A change all over the configuration: new lines, replaced lines, lines that go."""
        process = next(line for line in self.running().splitlines() if line.startswith("router bgp "))
        return (
            "ip prefix-list CLUSTER seq 5 permit 10.33.0.0/16 le 32\nno ip route 203.0.113.0/24 10.32.0.10\n"
            f"{process}\n neighbor CLUSTER peer-group\n neighbor CLUSTER remote-as 64517\n"
            " neighbor CLUSTER password hunter2\n neighbor 10.31.90.1 peer-group CLUSTER\n"
            " neighbor 10.32.0.10 description somebody\n"
        )

    @contextmanager
    def controller(self, revert_in: int) -> Iterator[subprocess.Popen[str]]:
        """A controller in a process of its own, which is killed at the end if it still runs."""
        words = [self.machine.address, json.dumps(OPTIONS), self.fragment(), str(revert_in)]
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.laboratory.name, sys.executable, "-c", CONTROLLER, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def until(controller: subprocess.Popen[str], word: str) -> None:
    """Wait until the controller says that it is so far."""
    assert controller.stdout is not None
    for line in controller.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"the controller never said {word}: {controller.communicate()[1]}")


def without_version(configuration: str) -> list[str]:
    """The lines but that which names the release: the newest one's is not known before."""
    return [line for line in configuration.splitlines() if not line.startswith("frr version ")]


def kill(controller: subprocess.Popen[str]) -> None:
    """SIGKILL: it can do nothing more, not even close its connection."""
    controller.kill()
    assert controller.wait(timeout=10) == -signal.SIGKILL


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    """The client, who is the neighbour of every router."""
    with instance_of(INSTANCE, "client") as found:
        yield found


@pytest.fixture(
    scope="module",
    params=first_at_once(ROUTERS),
    ids=lambda machine: f"{machine.name}-FRR-{ROUTERS[machine]}",
)
def router(request: pytest.FixtureRequest, laboratory: Laboratory) -> Iterator[Router]:
    """A router as somebody left it; the others are off."""
    with powered(laboratory, request.param):
        found = Router(laboratory, request.param)
        version = found.inside("vtysh -c 'show version'").splitlines()[0]
        print(version)
        assert ROUTERS[request.param] == NEWEST or f"FRRouting {ROUTERS[request.param]}" in version
        yield found


def test_a_plain_up_has_nothing_to_do_with_the_optional_router(tmp_path: Path) -> None:
    assert set(MACHINES) - set(STANDARD) == {FRR8, FRR10, BIRD3, BIRD_BOX, FRR_SID, *TORS, *RACK2_NODES, NETBOX}
    assert built_for([OPENWRT], tmp_path) == {"layer-busybox-router"}, "it stands on no base"
    assert built_for([FRR8], tmp_path) - built_for(STANDARD, tmp_path) == {"layer-router"}
    assert built_for([FRR10], tmp_path) == {"base-trixie", "layer-next-router"}
    assert built_for([FRR10], tmp_path) - built_for(STANDARD, tmp_path) == {"layer-next-router"}, (
        "nodes are of the same release"
    )
    assert built_for([FRR_SID], tmp_path) == {"base-sid", "layer-newest-router"}
    assert built_for(MACHINES, tmp_path) - built_for(STANDARD, tmp_path) == {
        "layer-router",
        "base-sid",
        "layer-newest-router",
        "layer-next-router",
        "layer-next-bird-router",
        "layer-busybox-bird-router",
        "layer-netbox",
    }


def test_the_configuration_that_it_comes_with_is_written_as_frr_writes_it(router: Router) -> None:
    before = router.startup()
    router.inside("vtysh -c 'write memory'")
    assert without_version(router.startup()) == without_version(before)


def test_a_controller_that_is_killed_after_its_commit_leaves_the_old_configuration(router: Router) -> None:
    before, at_start = router.running(), router.startup()
    with router.controller(REVERT_IN) as controller:
        until(controller, "committed")
        committed = time.monotonic()
        kill(controller)
    assert "neighbor CLUSTER password hunter2" in router.running()
    assert router.startup() == at_start
    wait_for("the old configuration, byte for byte", lambda: router.running() == before, REVERT_IN + GRACE, pause=0.1)
    assert time.monotonic() - committed < REVERT_IN + GRACE
    assert router.startup() == at_start
    wait_for("the note of it", lambda: "reverted (not confirmed in time): identical" in router.history(), GRACE)


def test_a_controller_that_is_killed_in_the_middle_of_its_commit_leaves_the_old_configuration(router: Router) -> None:
    before, at_start, earlier = router.running(), router.startup(), router.history()
    with router.controller(REVERT_IN) as controller:
        until(controller, "committing")
        began = time.monotonic()
        router.inside("until [ -e /var/lib/napalm-frr/lock/deadline ]; do sleep 0.01; done")  # the timer is being armed
        kill(controller)

    def has_ended() -> bool:
        said = router.history()
        return said != earlier and " commit " not in said

    wait_for("the end of the change", has_ended, REVERT_IN + GRACE, pause=0.1)
    assert time.monotonic() - began < REVERT_IN + GRACE
    assert "reverted (not confirmed in time): identical" in router.history()
    assert (router.running(), router.startup()) == (before, at_start)


@pytest.mark.parametrize("restart", ["the router", "FRR"])
def test_a_restart_before_the_confirmation_brings_the_old_configuration(router: Router, restart: str) -> None:
    before, at_start = router.running(), router.startup()
    with router.controller(LATER) as controller:
        until(controller, "committed")
        committed = time.monotonic()
        kill(controller)
    assert router.running() != before
    if restart == "FRR":
        router.inside(RESTART)
    else:
        router.laboratory.must("cut", router.machine.name)
        router.laboratory.must("up", router.machine.name)
    wait_for("the old configuration, byte for byte", lambda: router.running() == before, 30)
    assert time.monotonic() - committed < LATER, "the timer may have done it"
    assert router.startup() == at_start
    if restart == "the router":  # the next controller is not kept waiting by what is over
        with router.controller(REVERT_IN) as controller:
            until(controller, "committed")
    wait_for("the end of the change", lambda: "not confirmed in time): identical" in router.history(), LATER + GRACE)
    assert (router.running(), router.startup()) == (before, at_start)


def test_the_driver_passes_its_live_tests_on_a_real_router(router: Router) -> None:
    further = [f"--ignore={FULL}"] if router.machine is OPENWRT else []
    router.pass_live_tests("frr", *further)
