"""The passwords of BGP and VRRP change on a cluster that stands: one router at a time, and the API's address is never nobody's."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab.api_client import ApiClient, Requests
from tests.lab.conftest import HEALED_SECONDS, Measure
from tests.lab.devices import LOAD_BALANCERS, Kubectl, expected_routes, routes_of_kernel
from tests.lab.laboratory import MASTERS, NODES, ROUTERS, Laboratory, wait_for
from tests.lab.load import Load, Verdict
from tests.lab.routers import DEVICES
from tests.lab.runbooks import Answer, Project, Runbooks
from tests.lab.test_certificates import credentials
from tests.lab.test_traffic import BALANCED

pytestmark = [pytest.mark.lab, pytest.mark.long("settings")]
FIRST, SECOND, WRONG = "first:of.the.lab", "second:of.the.lab", "a-third-one"
VRRP = ("lab-1.aa", "lab-2.bb")
KEEPALIVED = "/etc/keepalived/keepalived.conf"
ROTATE_SECONDS = 900
RATE, LOAD_SECONDS = 200, 1200
GAP_SECONDS = 5


@dataclass
class Passwords:
    """A project whose passwords are in files of its folder."""

    project: Project

    def say(self, bgp: str | None, vrrp: str | None) -> Runbooks:
        """Runbooks on the inventory with these; None: it names none."""
        cluster: dict[str, Any] = {}
        for section, password in (("bgp", bgp), ("endpoint", vrrp)):
            if password is not None:
                file = self.project.folder / section
                file.touch(0o600)
                file.write_text(f"{password}\n", encoding="utf-8")
                cluster[section] = {"password": {"file": str(file)}}
        return self.project.edited(groups={"fabric": {"data": {"cluster": cluster}}})


@dataclass
class Rotated:
    """What was seen of a first password of BGP and a new one of VRRP, with clients at work."""

    refused: Answer | None = None
    planned: Answer | None = None
    before: dict[str, str] = field(default_factory=dict)
    untouched: dict[str, str] = field(default_factory=dict)
    made: Answer | None = None
    requests: Requests | None = None
    verdict: Verdict | None = None
    again: Answer | None = None
    undone: Answer | None = None


def configuration(lab: Laboratory, router: str) -> str:
    """What it runs with and what it would start with: BIRD tells no password, its files do."""
    return DEVICES[router].running(lab, router) + DEVICES[router].startup(lab, router)


def configurations(lab: Laboratory) -> dict[str, str]:
    found = {router: configuration(lab, router) for router in ROUTERS}
    return found | {name: lab.inside(name, f"cat {KEEPALIVED}") for name in MASTERS}


def vrrp_passwords(lab: Laboratory) -> set[str]:
    found = (re.search(r"auth_pass (\S+)", lab.inside(name, f"cat {KEEPALIVED}")) for name in MASTERS)
    return {one[1] for one in found if one}


@contextmanager
def deaf(lab: Laboratory) -> Iterator[None]:
    """Calico's nodes are stopped and hear of nothing, their BIRDs go on: what a broken watch of the API would be."""
    for name in NODES:
        lab.inside(name, "kill -STOP $(pgrep -f '[c]alico_node')")
    try:
        yield
    finally:
        for name in NODES:
            lab.inside(name, "kill -CONT $(pgrep -f '[c]alico_node')")


def answer(found: Answer | None) -> Answer:
    assert found is not None
    return found


@pytest.fixture(scope="module")
def passwords(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Passwords:
    return Passwords(Project.of(tmp_path_factory.mktemp("rotation"), lab.instance))


@pytest.fixture(scope="module")
def rotated(
    lab: Laboratory,
    cluster: Kubectl,
    passwords: Passwords,
    tmp_path_factory: pytest.TempPathFactory,
    measure: Measure,
) -> Iterator[Rotated]:
    """deploy.py refuses, the dry run plans, the rotation changes; a second one finds nothing; without a password it is as before."""
    assert cluster.ready()
    found, folder, client = Rotated(), tmp_path_factory.mktemp("load"), tmp_path_factory.mktemp("api-client")
    runbooks = passwords.say(FIRST, VRRP[0])
    try:
        found.refused = runbooks.deploy()
        found.before = configurations(lab)
        found.planned = runbooks.rotate("--dry-run", "--output", "json")
        found.untouched = configurations(lab)
        with (
            Load(lab, folder, BALANCED, LOAD_BALANCERS, rate=RATE, seconds=LOAD_SECONDS) as load,
            ApiClient(lab, client, credentials(lab)) as api,
        ):
            found.made = runbooks.rotate("--output", "json", deadline=ROTATE_SECONDS)
            found.requests = api.stop()
            found.verdict = load.stop()
        measure("rotate_passwords.py: a first password of BGP on two routers, another one of VRRP", found.made.seconds)
        measure("the longest gap between two answers of the API through the virtual IP meanwhile", found.requests.gap)
        measure(f"the load meanwhile: {found.verdict}", 0.0)
        for line in found.made.stderr.splitlines():
            if "up again after" in line:
                measure(line.strip(), 0.0)
        found.again = runbooks.rotate("--output", "json", deadline=ROTATE_SECONDS)
        yield found
    finally:
        found.undone = passwords.say(None, None).rotate("--output", "json", deadline=ROTATE_SECONDS)
    found.undone.ended(0)
    passwords.say(None, None).deploy("--output", "json").ended(0)


def test_deploy_changes_no_password_and_names_the_runbook(rotated: Rotated) -> None:
    told = answer(rotated.refused).ended(1)
    assert "runbooks/rotate_passwords.py" in told.text
    assert "Nothing was changed on any host" in told.text
    assert all(name in told.text for name in ROUTERS)


def test_the_dry_run_shows_both_ends_and_changes_nothing(rotated: Rotated) -> None:
    planned = answer(rotated.planned).ended(0).changes
    for router in ROUTERS:
        assert (router, DEVICES[router].change) in planned
        assert (router, f"BGPPeer {router}-peer") in planned
    assert rotated.untouched == rotated.before
    made = answer(rotated.made).ended(0).changes
    assert {one for one in planned if one[0] in ROUTERS} == {one for one in made if one[0] in ROUTERS}


def test_no_password_is_in_anything_that_was_printed(rotated: Rotated) -> None:
    for said in (rotated.refused, rotated.planned, rotated.made, rotated.again):
        for password in (FIRST, *VRRP):
            assert password not in answer(said).text


def test_both_ends_have_it_and_the_routes_are_right(rotated: Rotated, lab: Laboratory, cluster: Kubectl) -> None:
    answer(rotated.made).ended(0)
    for router in ROUTERS:
        assert FIRST in configuration(lab, router)
        assert expected_routes(cluster.blocks()).items() <= routes_of_kernel(lab, router).items()
    assert vrrp_passwords(lab) == {VRRP[0]}


def test_the_sessions_were_down_for_less_than_a_restart_time(rotated: Rotated) -> None:
    """RFC 4724's restart time is 120 s by default; here both ends meet again within seconds, however busy the machine is."""
    found = re.findall(r"up again after (\d+\.\d) s", answer(rotated.made).stderr)
    assert len(found) == len(ROUTERS)
    assert all(float(seconds) < 60 for seconds in found), found


def test_the_api_was_answered_through_the_virtual_ip_all_the_time(rotated: Rotated) -> None:
    requests = rotated.requests
    assert requests is not None
    print(requests)
    assert requests.count > 50
    assert requests.gap < GAP_SECONDS, requests


def test_a_second_run_and_deploy_have_nothing_to_do(rotated: Rotated, passwords: Passwords) -> None:
    assert answer(rotated.again).ended(0).changes == {}
    assert passwords.say(FIRST, VRRP[0]).deploy("--output", "json").ended(0).changes == {}


class TestFurtherPasswords:
    """A second password in the place of the first, cut off at three places; one that the nodes cannot have is taken back."""

    @pytest.fixture(scope="class")
    def first(self, cluster: Kubectl, passwords: Passwords) -> Iterator[Passwords]:
        assert cluster.ready()
        passwords.say(FIRST, VRRP[0]).rotate(deadline=ROTATE_SECONDS).ended(0)
        yield passwords
        passwords.say(None, None).rotate(deadline=ROTATE_SECONDS).ended(0)
        passwords.say(None, None).verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 60).ended(0)

    def killed_when(self, what: str, seen: Callable[[], object], runbooks: Runbooks, folder: Path) -> None:
        process = runbooks.start(log=folder / "log", runbook="rotate_passwords")
        try:
            wait_for(what, seen, ROTATE_SECONDS, pause=0.1)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)

    def test_cut_off_at_three_places_the_next_run_goes_on(
        self, first: Passwords, lab: Laboratory, cluster: Kubectl, tmp_path: Path
    ) -> None:
        runbooks = first.say(SECOND, VRRP[1])
        at = {
            "the first router has its new one": lambda: SECOND in configuration(lab, ROUTERS[0]),
            "the second router has its new one": lambda: SECOND in configuration(lab, ROUTERS[1]),
            "a control plane has its new one": lambda: VRRP[1] in vrrp_passwords(lab),
        }
        for what, seen in at.items():
            self.killed_when(what, seen, runbooks, tmp_path)
        made = runbooks.rotate("--output", "json", deadline=ROTATE_SECONDS).ended(0)
        assert SECOND not in made.text
        for router in ROUTERS:
            assert SECOND in configuration(lab, router)
            assert expected_routes(cluster.blocks()).items() <= routes_of_kernel(lab, router).items()
        assert vrrp_passwords(lab) == {VRRP[1]}
        assert runbooks.rotate("--output", "json").ended(0).changes == {}
        assert runbooks.deploy("--output", "json").ended(0).changes == {}

    def test_where_the_sessions_do_not_come_back_both_ends_have_the_old_one_again(
        self, first: Passwords, lab: Laboratory
    ) -> None:
        """The nodes go on with what they know, and never hear of the new one."""
        now = SECOND if SECOND in configuration(lab, ROUTERS[0]) else FIRST
        began = time.monotonic()
        with deaf(lab):
            told = first.say(WRONG, VRRP[1]).rotate(deadline=ROTATE_SECONDS).ended(1)
        assert "and so was the other end" in told.text, told.text
        assert time.monotonic() - began < ROTATE_SECONDS
        first.say(now, VRRP[1]).verify("--wait", str(HEALED_SECONDS), deadline=HEALED_SECONDS + 60).ended(0)
        first.say(now, VRRP[1]).rotate(deadline=ROTATE_SECONDS).ended(0)
