"""Observe, preflight and prepare of nodes, with machines that answer as they were recorded."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from kubepeer.errors import CommandError, RefusedError
from kubepeer.run import Run
from tasks import observe as every_host
from tasks.control_plane import membership, record
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tasks.nodes import tasks
from tasks.nodes.facts import FACTS
from tests.unit.answering import answered

WORKER, MASTER, ROUTER = "k8s-calico-worker-10-31-90-4", "k8s-calico-master-10-31-90-1", "openwrt"
MADISON = "".join(f" {name} | 1.26.0-2.1 | x\n" for name in ("kubelet", "kubeadm", "kubectl", "cri-tools"))


def answers(file: str) -> dict[str, str]:
    """The answers of a file beside this test, as text."""
    written = yaml.safe_load((Path(__file__).parent / file).read_text())["answers"]
    return {name: answer["text"] if isinstance(answer, dict) else answer for name, answer in written.items()}


NO_MEMBER = dict.fromkeys((*membership.QUESTIONS, *record.QUESTIONS, "kubeconfigs", "run lock"), "")
FRESH = NO_MEMBER | answers("recorded/a_fresh_debian_machine.yaml")
PREPARED = answers("machines/prepared.yaml")
READY = FRESH | {name: text for name, text in PREPARED.items() if name in FRESH}


class Machine:
    """A shell that answers each question of a script with what was recorded, and has no files."""

    host = WORKER

    def __init__(self, said: dict[str, str]) -> None:
        self.said = said
        self.asked: list[str] = []

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:  # noqa: ARG002
        names = re.findall(r"say answer '?([\w ]+?)'? \$\?", script)
        self.asked += names or [script]
        absent = re.findall(r"say file (\S+) absent", script)
        return Completed(0, answered(script, {name: Answer(0, self.said[name]) for name in names}, absent), b"")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine behind every node; the key of the repository is at hand."""
    made = Machine(FRESH | {"repository": MADISON, "probes": ""})
    for module in (every_host, tasks):
        monkeypatch.setattr(module, "open_shell", lambda _nornir, _name: made)
    monkeypatch.setattr(tasks, "fetch", lambda _address, _folder: "key\n")
    return made


def task_on(name: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=name))


def test_a_bare_node_is_asked_what_its_repositories_have(machine: Machine, run_of: Any) -> None:
    run: Run = run_of(WORKER)
    every_host.observe(task_on(WORKER), run)
    assert machine.asked[-1] == "repository"
    assert run.recall(FACTS, of=WORKER).repository.newest("kubelet", "1.26.0") == "1.26.0-2.1"


@pytest.mark.parametrize(
    "said",
    [
        READY,
        FRESH | {"system": "opensuse-leap suse"},
        READY | {"member": "kubelet.conf", "running": "1.25.3"},
        FRESH | {"member": "kubelet.conf", "packages": "kubelet 1.25.3-1.1 installed"},
    ],
    ids=["all_is_there", "another_system", "the_kubelet_of_a_member_is_older", "so_is_its_package"],
)
def test_repositories_are_not_asked_where_nothing_would_be_installed(
    machine: Machine, run_of: Any, said: dict[str, str]
) -> None:
    machine.said = said
    run: Run = run_of(WORKER)
    every_host.observe(task_on(WORKER), run)
    assert "repository" not in machine.asked
    assert run.recall(FACTS, of=WORKER).repository is None


@pytest.mark.usefixtures("api")
def test_a_version_that_is_not_there_is_refused_in_one_line(machine: Machine, run_of: Any) -> None:
    machine.said["repository"] = MADISON.replace("1.26.0-2.1", "1.26.15-1.1")
    machine.said |= {"loadable": "overlay\nbr_netfilter\nnf_conntrack\nip_vs\nip_vs_rr\nip_vs_wrr\nip_vs_sh"}
    run: Run = run_of(WORKER)
    every_host.observe(task_on(WORKER), run)
    for name in (WORKER, ROUTER):
        with pytest.raises(RefusedError) as raised:
            every_host.preflight(task_on(name), run)
        assert str(raised.value) == (
            "k8s-calico: the package repositories have no kubelet, kubeadm, kubectl 1.26.0, but 1.26.15 "
            f"(asked on {WORKER}). Nothing was changed on any host. "
            "Cure: set software.kubernetes to one of them, or correct packages.repositories and packages.keyrings"
        )


def test_a_dry_run_shows_the_revisions_that_would_be_installed(machine: Machine, run_of: Any) -> None:
    run: Run = run_of(WORKER, dry_run=True)
    every_host.observe(task_on(WORKER), run)
    machine.said |= answers("machines/bare.yaml")
    changes = tasks.prepare(task_on(WORKER), run).changes
    (packages,) = [change for change in changes if change.what == "packages"]
    assert "kubelet 1.26.0-2.1\n" in packages.after
    assert machine.asked.count("repository") == 1


def test_a_package_that_has_gone_after_preflight_is_looked_up_then(machine: Machine, run_of: Any) -> None:
    run: Run = run_of(WORKER, dry_run=True)
    every_host.observe(task_on(WORKER), run)
    run.keep(FACTS, None, of=WORKER)
    machine.said |= answers("machines/bare.yaml")
    tasks.prepare(task_on(WORKER), run)
    assert machine.asked.count("repository") == 2


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> list[Any]:
    """The nodes that the API knows; every question to it takes the first of the list away."""
    knows: list[Any] = []

    class Api:
        def items(self, path: str) -> Any:
            assert path == "/api/v1/nodes"
            answer = knows.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return [
                {"metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": f"v{version}"}}}
                for name, version in answer.items()
            ]

    monkeypatch.setattr(tasks, "api_if_there", lambda _run: Api() if knows else None)
    return knows


def full_name(run: Run, name: str) -> str:
    return run.intent.node(name).full_name


def test_a_system_that_is_not_listed_is_taken_with_a_remark(machine: Machine, run_of: Any) -> None:
    run: Run = run_of(WORKER)
    machine.said = READY | {
        "system": "linuxmint ubuntu debian\nversion 22",
        "cpus": "2",
        "memory": "2048",
        "probes": "",
    }
    machine.said |= {"loadable": "overlay\nbr_netfilter\nnf_conntrack\nip_vs\nip_vs_rr\nip_vs_wrr\nip_vs_sh"}
    every_host.observe(task_on(WORKER), run)
    assert tasks.refuse_early(task_on(WORKER), run).result == "all clear; linuxmint is not listed, taken as ubuntu"


ROCKY = {"system": "rocky rhel centos fedora\nversion 9.6\nmanager dnf"}


def test_a_machine_of_rpm_is_asked_by_dnf(machine: Machine, run_of: Any) -> None:
    run: Run = run_of(WORKER, dry_run=True)
    found = "".join(f"{name} 0:1.26.0-150500.1.1\n" for name in ("kubelet", "kubeadm", "kubectl", "cri-tools"))
    machine.said |= ROCKY | {"repository": f"{found}containerd.io 0:1.7.27-3.1.el9\n"}
    every_host.observe(task_on(WORKER), run)
    assert run.recall(FACTS, of=WORKER).repository.newest("kubelet", "1.26.0") == "1.26.0-150500.1.1"
    machine.said |= answers("machines/rocky_bare.yaml")
    changes = {change.what: change for change in tasks.prepare(task_on(WORKER), run).changes}
    assert "containerd.io\ncri-tools 1.26.0-150500.1.1\n" in changes["packages"].after
    assert changes["/etc/pki/rpm-gpg/RPM-GPG-KEY-kubepeer-kubernetes"].after == "key\n"
    assert machine.asked.count("repository") == 1


@pytest.mark.usefixtures("api")
def test_an_upgrade_is_refused_for_routers_too(machine: Machine, run_of: Any) -> None:
    run: Run = run_of(WORKER, ROUTER)
    machine.said = READY | {"member": "kubelet.conf", "running": "1.25.3"}
    every_host.observe(task_on(WORKER), run)
    told = set()
    for name in (WORKER, ROUTER):
        with pytest.raises(RefusedError, match=r"deploy\.py does not upgrade") as raised:
            every_host.preflight(task_on(name), run)
        told.add(str(raised.value))
    assert len(told) == 1


def test_a_node_that_is_added_alone_is_compared_with_those_that_the_api_knows(api: list[Any], run_of: Any) -> None:
    run: Run = run_of(WORKER)
    every_host.observe(task_on(WORKER), run)
    api.append({full_name(run, MASTER): "1.25.4", "a-node-of-somebody-else": "1.24.17"})
    for _ in range(2):  # the API is asked once
        with pytest.raises(RefusedError, match=rf"Kubernetes 1\.25\.4 \({MASTER}\), the inventory says 1\.26\.0"):
            tasks.refuse_for_all(run)


def test_what_a_node_says_itself_counts_for_more_than_what_the_api_knows(
    api: list[Any], machine: Machine, run_of: Any
) -> None:
    run: Run = run_of(WORKER)
    machine.said = READY | {"member": "kubelet.conf", "running": "1.26.0"}
    every_host.observe(task_on(WORKER), run)
    api.append({full_name(run, WORKER): "1.25.4"})
    tasks.refuse_for_all(run)


@pytest.mark.parametrize("answer", [{}, CommandError("503")], ids=["no_nodes", "an_api_that_does_not_answer"])
def test_an_api_that_says_nothing_refuses_nothing(api: list[Any], run_of: Any, answer: Any) -> None:
    run: Run = run_of(WORKER)
    every_host.observe(task_on(WORKER), run)
    api.append(answer)
    tasks.refuse_for_all(run)
    assert api == []


def test_a_run_over_all_nodes_asks_no_api(api: list[Any], run_of: Any) -> None:
    api.append(AssertionError("asked"))
    run: Run = run_of(*(node.name for node in run_of().intent.nodes))
    every_host.observe(task_on(WORKER), run)
    tasks.refuse_for_all(run)
    assert len(api) == 1


def test_a_run_on_routers_alone_asks_no_api(api: list[Any], run_of: Any) -> None:
    api.append(AssertionError("asked"))
    tasks.refuse_for_all(run_of(ROUTER))
    assert len(api) == 1
