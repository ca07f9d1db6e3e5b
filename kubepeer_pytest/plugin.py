"""A plugin of pytest: one verification of the routes, each of its answers a test.

The verification runs once, before anything is collected, in the process that people start: which prefixes there are is known to the live
cluster alone, and -k, -m, --lf and --collect-only need the tests' names. With pytest-xdist the workers get what was found, so that all
of them collect the same and no router is asked twice. Without --kubepeer-config nothing is done, and nothing of Kubepeer is imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kubepeer.checks import Finding
    from kubepeer_pytest.document import Question

# The runbook, as a process of its own: it enters the network namespace that config.yaml names, ends at once when it is interrupted, and
# loads what reads routers. None of that is for a process in which other people's tests run.
PROGRAM = Path(__file__).resolve().parent.parent / "runbooks" / "verify_routes.py"
DEADLINE_SECONDS = 300.0  # what all timeouts of one verification come to at the worst, beyond the time that it may wait
SENT = "kubepeer"  # the key in what pytest-xdist hands to a worker
FOUND: pytest.StashKey[Mapping[str, Any]] = pytest.StashKey()
SECONDS: pytest.StashKey[float] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the plugin."""
    group = parser.getgroup("kubepeer", "routes of a Kubernetes cluster on its routers")
    group.addoption(
        "--kubepeer-config", metavar="FILE", help="verify what this configuration of Nornir's has, each answer a test"
    )
    group.addoption(
        "--kubepeer-host",
        action="append",
        default=[],
        metavar="NAME",
        help="only this host, as --host of verify_routes.py; repeatable",
    )
    group.addoption(
        "--kubepeer-wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="ask again until all is well, or time is up",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker by which the tests are chosen."""
    config.addinivalue_line(
        "markers", "kubepeer(host, check, subject, layer): an answer of a verification (--kubepeer-config)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Verify, or take what was found by the process that has."""
    config = session.config
    given = getattr(config, "workerinput", None)
    if given is not None:
        if SENT in given:
            config.stash[FOUND] = json.loads(given[SENT])
    elif config.getoption("kubepeer_config"):
        began = time.monotonic()
        config.stash[FOUND] = verify(
            config.getoption("kubepeer_config"), config.getoption("kubepeer_host"), config.getoption("kubepeer_wait")
        )
        config.stash[SECONDS] = time.monotonic() - began


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist gets what was found."""
    if FOUND in node.config.stash:
        node.workerinput[SENT] = json.dumps(node.config.stash[FOUND])


def verify(config: str, hosts: Sequence[str], wait: float) -> Mapping[str, Any]:
    """One verification; gives its document.

    Raises:
        pytest.UsageError: nothing was verified; with what was said.

    """
    if not PROGRAM.exists():
        raise pytest.UsageError(f"kubepeer: there is no {PROGRAM}: install the checkout, pip install --no-deps -e .")
    command = [sys.executable, "-P", str(PROGRAM), "--config", config, "--output", "json", "--wait", str(wait)]
    command += [word for host in hosts for word in ("--host", host)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS + wait,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else error.stderr or ""
        raise pytest.UsageError(
            f"kubepeer: the verification of {config} has not ended within {error.timeout:.0f} s; last said: {_last(said)}"
        ) from None
    try:
        document = json.loads(done.stdout)
    except ValueError:
        raise pytest.UsageError(f"kubepeer: nothing was verified: {_last(done.stderr or done.stdout)}") from None
    if not isinstance(document, dict) or "error" in document or "phases" not in document:
        said = document.get("error", "") if isinstance(document, dict) else ""
        raise pytest.UsageError(f"kubepeer: nothing was verified: {said or _last(done.stderr)}")
    found: Mapping[str, Any] = document
    return found


def _last(said: str) -> str:
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "nothing")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """One line of what was asked."""
    if SECONDS not in config.stash:
        return []
    found = config.stash[FOUND]
    count = len(found.get("checks", ()))
    return [f"kubepeer: {config.getoption('kubepeer_config')}, {count} answers in {config.stash[SECONDS]:.1f} s"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the answers before others choose among the tests (-k, -m, --lf)."""
    if FOUND not in config.stash:
        return
    from kubepeer_pytest.document import questions  # noqa: PLC0415  nobody who has not asked waits for it

    every = Verification.from_parent(session, name="kubepeer", nodeid="kubepeer")
    items.extend(
        # the whole id: newer pytest takes what is in brackets for parameters, and finds it again by --lf then alone
        Answer.from_parent(every, name=one.name, nodeid=f"{every.nodeid}::{one.name}", question=one)
        for one in questions(config.stash[FOUND])
    )


class Verification(pytest.Collector):
    """All answers of one verification."""

    def collect(self) -> list[pytest.Item]:
        """Nothing is left to collect: the answers are there before the tests are."""
        return []


class Answer(pytest.Item):
    """One answer as a test."""

    def __init__(self, *, question: Question, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.question = question
        self.add_marker(pytest.mark.kubepeer(**question.about))

    def setup(self) -> None:
        """A host that could not be asked is an error and no failure: nothing is known of its routes."""
        if self.question.error:
            pytest.fail(self.question.error, pytrace=False)
        if self.question.skipped:
            pytest.skip(self.question.skipped)

    def runtest(self) -> None:
        """Tell the answer; where in a program it is told helps nobody."""
        if self.question.failure:
            pytest.fail(self.question.failure, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Its headline."""
        return self.path, None, f"kubepeer: {self.name}"


@pytest.fixture(scope="session")
def kubepeer_findings(request: pytest.FixtureRequest) -> tuple[Finding, ...]:
    """What the verification has found, for tests of one's own; a test that wants it is skipped without --kubepeer-config."""
    if FOUND not in request.config.stash:
        pytest.skip("kubepeer_findings: needs --kubepeer-config FILE")
    from kubepeer_pytest.document import findings  # noqa: PLC0415  nobody who has not asked waits for it

    return findings(request.config.stash[FOUND])
