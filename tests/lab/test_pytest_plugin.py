"""The cluster's routes as tests of pytest, as a user of NUTS would run them: beside tests of his own, in his own folder."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import LabError
from tests.conftest import CHECKOUT, unavailable
from tests.lab import promtool
from tests.lab.devices import Kubectl
from tests.lab.laboratory import ADDRESSES, NODES, ROUTERS, Laboratory
from tests.lab.runbooks import Project, Runbooks

pytestmark = pytest.mark.lab
SECONDS = 300
STRANGER = "10.33.192.201/32"  # in the cluster's networks, and announced by nobody
ROUTER = "openwrt"
OWN = f"""
def test_every_router_has_every_node(kubepeer_findings):
    up = [(one.host, one.subject) for one in kubepeer_findings if one.check == "session" and one.ok]
    assert len({{*up}}) == {len(ROUTERS) * len(NODES)}
"""
# The checkout may have been installed before it had the entry point.
START = """import sys
sys.path.insert(0, {!r})
import pytest
raise SystemExit(pytest.main(["-p", "kubepeer_pytest.plugin", *sys.argv[1:]]))"""


class Users:
    """A folder of somebody's tests, outside the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "test_own.py").write_text(OWN)
        (folder / "pytest.ini").write_text("[pytest]\n")

    def run(self, config: Path, *words: str) -> tuple[int, str, dict[str, str]]:
        """Run pytest there; its exit code, what it printed, and what became of each test: passed, failure, error or skipped."""
        report = self.folder / "report.xml"
        command = [
            sys.executable,
            "-c",
            START.format(str(CHECKOUT)),
            "--kubepeer-config",
            str(config),
            f"--junitxml={report}",
            *words,
        ]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        found = {
            str(case.get("name")): next((child.tag for child in case if child.tag != "properties"), "passed")
            for case in ET.parse(report).iter("testcase")
        }
        return done.returncode, done.stdout + done.stderr, found


@pytest.fixture
def users(tmp_path: Path) -> Users:
    folder = tmp_path / "network-tests"
    folder.mkdir()
    return Users(folder)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_healthy_cluster_is_green_and_holds_every_prefix(
    healthy: Kubectl, runbooks: Runbooks, users: Users, workers: tuple[str, ...]
) -> None:
    code, said, found = users.run(runbooks.config, *workers)
    assert code == 0, said
    assert {*found.values()} == {"passed"}
    assert "test_every_router_has_every_node" in found
    for router in ROUTERS:
        assert {f"sessions/{router}/{ADDRESSES[node]}" for node in NODES} <= {*found}
        for block in healthy.blocks():
            assert {f"routes/{router}/{block}[{layer}]" for layer in ("bgp", "rib", "kernel")} <= {*found}


def test_the_tests_are_those_of_verify_routes(healthy: Kubectl, runbooks: Runbooks, users: Users) -> None:
    assert healthy
    checks = runbooks.verify("--output", "json").ended(0).json["checks"]
    wanted = {(one["host"], one["subject"]) for one in checks if one["check"] in ("route", "fib", "session")}
    _, _, found = users.run(runbooks.config, "-m", "kubepeer", "-k", "routes/ or sessions/")
    told = {tuple(re.sub(r"\[\w+\]$", "", name).split("/", 2)[1:]) for name in found}
    assert told == wanted


@pytest.fixture
def stranger(lab: Laboratory, healthy: Kubectl) -> Iterator[str]:
    """A route that somebody has made by hand."""
    assert healthy
    lab.kernel(ROUTER, "route", "add", "blackhole", STRANGER)
    yield STRANGER
    lab.kernel(ROUTER, "route", "del", "blackhole", STRANGER)


def test_a_route_made_by_hand_is_a_failure_with_its_reason(runbooks: Runbooks, users: Users, stranger: str) -> None:
    code, said, found = users.run(runbooks.config)
    assert code == pytest.ExitCode.TESTS_FAILED, said
    assert found[f"routes/{ROUTER}/{stranger}[kernel]"] == "failure"
    assert {name.split("/")[1] for name, what in found.items() if what == "failure"} == {ROUTER}
    assert "the cluster does not announce this prefix" in said
    assert "Traceback" not in said
    code, said, found = users.run(runbooks.config, "-k", f"not {stranger.partition('/')[0]}")
    assert (code, {*found.values()}) == (0, {"passed"}), said


def test_a_router_that_cannot_be_reached_is_an_error_and_the_others_are_judged(
    healthy: Kubectl, project: Project, users: Users
) -> None:
    assert healthy
    elsewhere = {"openwrt": {"hostname": "127.0.0.1", "port": 1, "data": {"address": "10.31.254.253"}}}
    code, said, found = users.run(project.edited(hosts=elsewhere).config)
    assert code == pytest.ExitCode.TESTS_FAILED, said
    assert found["asked/openwrt[verify-routes]"] == "error"
    assert {name for name, what in found.items() if what in ("failure", "error")} == {
        "asked/openwrt[verify-routes]"
    } | {name for name, what in found.items() if what == "failure" and name.startswith("test_")}
    assert any(name.startswith("routes/tiny-unraid/") for name in found)
    assert "Traceback" not in said


def test_the_metrics_of_a_real_run_are_clean(healthy: Kubectl, runbooks: Runbooks, tmp_path: Path) -> None:
    assert healthy
    try:
        program = promtool.program()
    except LabError as error:
        unavailable(str(error))
    file = tmp_path / "kubepeer.prom"
    runbooks.verify("--metrics", str(file)).ended(0)
    text = file.read_text(encoding="utf-8")
    assert "kubepeer_verification_ok 1\n" in text
    assert promtool.judge(program, "check", "metrics", text=text) == (0, "")
