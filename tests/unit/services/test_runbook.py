"""The runbook's phases from end to end: machines and an API that answer from memory."""

import runpy
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from kubepeer.errors import RefusedError
from kubepeer.execution import run_phases
from kubepeer.intent import Intent
from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.cluster.access import API
from tasks.linux.observe import Answer, Seen
from tasks.services import tasks, temporary, verdict
from tasks.services.script import questions as traffic_questions
from tasks.services.table import show
from tests.both_families import dual_stack
from tests.conftest import CHECKOUT
from tests.unit.routes.intents import intent
from tests.unit.services import test_workload as objects

PHASES = runpy.run_path(str(CHECKOUT / "runbooks/verify_services.py"))["PHASES"]
OWN = {"a": "10.31.90.4", "b": "10.31.90.5", "r1": "10.31.254.253"}
FURTHER = {"connections": 40, "seconds": 5, "timeout": 2}
NAT = "[1:60] -A POSTROUTING -j KUBE-POSTROUTING\n[1:60] -A KUBE-SERVICES -d 10.33.128.5/32 -j KUBE-SVC-A\n"


class Api:
    """The cluster of test_workload, with a Local service that the run makes."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def items(self, path: str) -> list[dict[str, Any]]:
        kind = path.rpartition("/")[2]
        ours = [objects.slice_of(temporary.LOCAL_SERVICE, ("10.33.26.2", True))]
        return {
            "nodes": objects.NODES[:2],
            "pods": objects.PODS,
            "services": objects.SERVICES,
            "endpointslices": objects.SLICES + ours,
        }[kind]

    def get(self, _: str) -> dict[str, Any]:
        return {"status": {"loadBalancer": {"ingress": [{"ip": "10.33.192.2"}]}}}

    def call(self, method: str, _: str, **__: Any) -> None:
        self.calls.append(method)

    def delete(self, _: str) -> None:
        self.calls.append("DELETE")


class Machines:
    """Everybody answers as in a healthy network, but for what is said otherwise: host -> question -> answer."""

    def __init__(self, without: tuple[str, ...] = (), **otherwise: dict[str, str]) -> None:
        self.without = without
        self.otherwise = otherwise
        self.asked: list[tuple[str, str]] = []

    def ask(self, name: str, asked: dict[str, str], **_: Any) -> Seen:
        self.asked += [(name, question) for question in asked]
        usual = {
            "addresses": OWN[name],
            "mtu": "1500",
            "pods": "4711 10.33.26.2 1450" if name == "a" else "",
            "traffic": self._traffic(name, asked.get("traffic", "")),
            "proxy": "200",
            "nat": NAT,
            "forward": "1",
            "hash": "1",
        }
        answers = usual | self.otherwise.get(name, {})
        codes = {"tool": int(name in self.without)}
        return Seen({one: Answer(codes.get(one, 0), answers.get(one, "")) for one in asked}, {})

    def _traffic(self, name: str, script: str) -> str:
        """Each cell's expected address, as a healthy network shows it."""
        lines = []
        for line in script.splitlines():
            words = line.split()
            if words[:1] == ["full"]:
                lines += [f"{words[1]} size 1450", f"{words[1]} from 40 10.31.90.4"]
            elif words[:1] in (["cell"], ["settled"]) and line.endswith("&"):
                lines += [f"{words[1]} from {number} {address}" for address, number in self._seen(name, words, line)]
        return "\n".join(lines)

    def _seen(self, name: str, words: list[str], line: str) -> list[tuple[str, int]]:
        count, address = int(words[2]), words[3].partition(":")[0]
        port = words[3].partition(":")[2]
        if "nsenter" in line:
            inside = {"10.33.192.80": OWN["a"], OWN["a"]: OWN["a"], OWN["b"]: OWN["b"]}
            return [("10.33.26.2" if port == "31002" else inside.get(address, "10.33.26.2"), count)]
        if port == "30088":
            return [(address, count)]
        if name == "r1" and address in ("10.33.192.80", "10.33.128.5"):
            return [(OWN["a"], count // 2), (OWN["b"], count - count // 2)]
        return [(OWN[name], count)]


def members() -> Intent:
    made = intent(a=OWN["a"], b=OWN["b"])
    made.software.__class__.proxy_mode = "iptables"
    nodes = (made.nodes[0].model_copy(update={"role": "control_plane"}), made.nodes[1])
    return Intent.model_construct(**dict(made) | {"nodes": nodes, "probes": ()})


@pytest.fixture
def proven(run_of: Any, observer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def prove(machines: Machines, **options: Any) -> tuple[Run, Api, dict[str, PhaseOutcome]]:
        run, api = run_of("a", "b", "r1", intent=members(), further=FURTHER, **options), Api()
        run.keep(API, api)
        for module in (tasks, verdict):
            monkeypatch.setattr(module, "open_shell", lambda _, name: name)
            monkeypatch.setattr(module, "ask", machines.ask)
        monkeypatch.setattr(tasks, "open_api", lambda *_, **__: api)
        monkeypatch.setattr(verdict, "verify", lambda *_: None)
        return run, api, {outcome.title: outcome for outcome in run_phases(run, PHASES, observer)}

    return prove


def bad(outcomes: dict[str, PhaseOutcome]) -> dict[str, str]:
    return {
        f"{finding.check} {finding.subject}": finding.reason
        for host in outcomes["Conclude"].hosts.values()
        for finding in host.findings
        if not finding.ok
    }


def test_a_healthy_cluster_is_green_nobody_is_asked_for_causes_and_nothing_is_left(proven: Any) -> None:
    machines = Machines()
    _, api, outcomes = proven(machines)
    assert bad(outcomes) == {}
    assert not any(host.failed for outcome in outcomes.values() for host in outcome.hosts.values())
    assert outcomes["Conclude"].hosts["a"].findings
    assert not [question for _, question in machines.asked if question in ("nat", "hash")]
    assert api.calls == ["POST", "DELETE"]


def test_a_red_cell_fails_the_run_with_its_cause_and_the_service_is_taken_away(proven: Any) -> None:
    dead = Machines(r1={"traffic": "0 not 2 curl: (28)"}, a={"forward": "0"})
    run, api, outcomes = proven(dead)
    said = bad(outcomes)["traffic r1 to pod 10.33.26.2"]
    assert said == "2 of 2 not answered (timed out): a: net.ipv4.ip_forward is 0"
    assert outcomes["Conclude"].hosts["r1"].failed
    assert not outcomes["Conclude"].hosts["b"].failed
    assert api.calls == ["POST", "DELETE"]
    console = Console(record=True, width=200)
    show(console, run, list(outcomes.values()))
    assert (
        "x traffic r1 to pod 10.33.26.2: 2 of 2 not answered (timed out): a: net.ipv4.ip_forward is 0"
        in console.export_text()
    )


def test_a_dry_run_makes_no_service_and_says_so(proven: Any) -> None:
    run, api, _ = proven(Machines(), dry_run=True)
    assert api.calls == []
    assert run.warnings == ["the Local service was not made, and not tried: --dry-run"]


def test_what_was_counted_and_what_was_not_tried_is_in_the_json(proven: Any) -> None:
    run, _, _ = proven(Machines())
    told = verdict.tell(run)
    assert told["spread"] == {"r1": {"10.33.192.80": {"a": 20, "b": 20}}}
    assert [line.partition(":")[0] for line in told["not_tried"]] == ["no host is in the group probes"]


def test_a_host_that_has_nothing_to_try_with_is_red_but_for_a_router(proven: Any) -> None:
    run, _, outcomes = proven(Machines(without=("a", "r1")))
    assert bad(outcomes) == {"remark a to everything": "not tried: it has neither curl nor wget to try with"}
    assert not outcomes["Conclude"].hosts["r1"].failed
    assert "r1: it has neither curl nor wget to try with" in verdict.tell(run)["not_tried"]


def test_where_nobody_can_try_it_is_refused_and_not_green(proven: Any) -> None:
    _, api, outcomes = proven(Machines(), chosen=())
    error = outcomes["Read the workload"].hosts["a"].error
    assert str(error).startswith("a: none of the chosen hosts can try anything")
    assert api.calls == []


def test_the_questions_are_those_that_the_machines_answer() -> None:
    assert set(traffic_questions([], seconds=1, timeout=1, mtu=1500)) == {"addresses", "tool", "traffic"}


def test_a_cluster_whose_addresses_of_ipv6_would_not_be_tried_is_refused(intent_of: Any) -> None:
    task: Any = SimpleNamespace(host=SimpleNamespace(name="openwrt"))
    run: Any = SimpleNamespace(intent=intent_of(**dual_stack()))
    with pytest.raises(RefusedError, match="addresses of IPv4 alone are tried, and the cluster has IPv4 and IPv6"):
        tasks.read(task, run)
