"""Which API server does not serve, and why, by cases: what the API has for itself, and what the control planes answer."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.errors import CommandError, UnreachableError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from tasks import endpoint
from tasks.control_plane import api_servers, holders
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tasks.routes.causes.of_api_servers import QUESTIONS, SERVER
from tests.unit.answering import answered, asked_here

NAMES = ("k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2", "k8s-calico-master-10-31-90-3")
FIRST = NAMES[0]
TRIAL = "kube-trial"  # a lab on this machine has real ones
VIRTUAL = "2: eth0    inet 10.31.90.0/32 scope global eth0\\       valid_lft forever preferred_lft forever\n"


class Cluster:
    """An API with these slices, and control planes that answer so; who answers nothing cannot be reached."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.slices = case["slices"]
        self.answers = case.get("answers", {})
        self.asked: list[str] = []

    def get(self, path: str, query: dict[str, str]) -> Any:
        assert (path, query) == (api_servers.SLICES, api_servers.OF_THE_API)
        return {"items": self.slices}

    def open_shell(self, _nornir: Any, name: str) -> Any:
        said = self.answers.get(name, {})
        if said is None:
            raise UnreachableError("does not answer", host=name)

        def run(script: str, **_: Any) -> Completed:
            if "manifest" in script:
                self.asked.append(name)
                return Completed(0, answered(script, {key: Answer(0, text) for key, text in said.items()}), b"")
            return Completed(0, answered(script, {"addresses": Answer(0, VIRTUAL if name == FIRST else "")}), b"")

        return SimpleNamespace(run=run, host=name)


@pytest.fixture
def verified(run_of: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The endpoint's verification on such a cluster."""

    def verify(api: Any, shells: Cluster, **edit: Any) -> Any:
        monkeypatch.setattr(endpoint, "api_if_there", lambda _run: api)
        monkeypatch.setattr(endpoint, "open_shell", shells.open_shell)
        monkeypatch.setattr(endpoint, "SETTLE_SECONDS", 0)
        return endpoint.verify_endpoint(SimpleNamespace(host=SimpleNamespace(name=FIRST)), run_of(*NAMES, **edit))  # type: ignore[arg-type]

    return verify


@pytest.mark.cases("api_servers")
def test_an_api_server_that_does_not_serve_is_told_with_its_cause_and_no_fault(
    case: dict[str, Any], verified: Any
) -> None:
    cluster = Cluster(case)
    result = verified(cluster, cluster)
    assert not result.failed
    told = [one for one in result.findings if one.layer == "api"]
    assert [
        {
            "says": one.reason,
            "evidence": [f"{proof.host}: {proof.asked}: {proof.answered}" for proof in one.evidence],
            "cure": one.cure,
        }
        for one in told
    ] == case["says"]
    assert {(one.host, one.check, one.ok, one.cause) for one in told} <= {(FIRST, "endpoint", True, "ApiServerDown")}
    assert cluster.asked == [name for name, said in case.get("answers", {}).items() if said is not None]


def test_it_is_a_line_of_what_a_person_reads_with_the_cure(verified: Any) -> None:
    slices = [{"endpoints": [{"addresses": ["10.31.90.1", "10.31.90.3"]}]}]
    cluster = Cluster({"slices": slices, "answers": {NAMES[1]: {"manifest": "absent", "process": ""}}})
    outcome = PhaseOutcome("Verify endpoint", 0.1, {FIRST: HostOutcome(findings=verified(cluster, cluster).findings)})
    (line,) = map(str, holders.lines([outcome]))
    assert line.startswith(
        f" i {NAMES[1]}  kube-apiserver of {NAMES[1]} does not serve: its manifest is not there: on "
    )


@pytest.mark.parametrize("error", [UnreachableError("the API does not answer"), CommandError("403", cure="rights")])
def test_an_api_that_says_nothing_is_no_fault_of_the_endpoint(verified: Any, error: Exception) -> None:
    def get(*_: Any) -> Any:
        raise error

    shells = Cluster({"slices": []})
    result = verified(SimpleNamespace(get=get), shells)
    assert (result.failed, len(result.findings)) == (False, 1)
    assert len(verified(None, shells).findings) == 1


@pytest.mark.parametrize(
    "items", [7, [7], [{"endpoints": 7}], [{"endpoints": [{"addresses": ["10.31"]}]}], [{"endpoints": [None]}]]
)
def test_a_slice_of_a_form_that_is_not_known_proves_nothing(verified: Any, items: Any) -> None:
    cluster = Cluster({"slices": items})
    assert len(verified(cluster, cluster).findings) == 1


@pytest.fixture
def stopped(folder: Path) -> Iterator[None]:
    """A process on this machine, stopped."""
    program = folder / TRIAL
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    process = subprocess.Popen([str(program), "60"])
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    yield
    process.kill()
    process.wait(10)


@pytest.mark.usefixtures("stopped")
def test_this_machine_tells_that_one_is_stopped() -> None:
    said = asked_here({name: question.replace(SERVER, TRIAL) for name, question in QUESTIONS.items()})
    assert (said["manifest"].text.strip(), said["process"].text.strip()) == ("absent", "T")
