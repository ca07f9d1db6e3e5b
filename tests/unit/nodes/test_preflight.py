"""Reasons not to begin on a node, by cases, and the facts that they are judged from."""

import os
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.nodes import facts as node_facts
from tasks.nodes import preflight, refusals, software, systems
from tasks.nodes.comparison import Compared
from tasks.nodes.facts import NodeFacts
from tasks.nodes.repository import Repository
from tasks.nodes.systems import System
from tests.unit.answering import asked_here

MODULES = "overlay br_netfilter nf_conntrack ip_vs ip_vs_rr ip_vs_wrr ip_vs_sh"


def good(intent: Intent, offset: float) -> dict[str, NodeFacts]:
    """All nodes of the inventory, with nothing to complain of; their clocks differ by tenths of a second."""
    return {
        node.name: NodeFacts(
            system=System("debian", version="12"),
            cpus=2,
            memory_mb=4096,
            free_mb=20_000,
            addresses=frozenset({str(node.address)}),
            macs=frozenset({f"02:00:00:00:00:{number:02x}"}),
            clock_offset=offset + number / 10,
            clock_doubt=0.5,
            loadable=frozenset(MODULES.split()),
            listening={22: "sshd (pid 612)"},
            member=False,
            joining=False,
            prepared=False,
            read_only=False,
            kernel="6.12.48+deb13-amd64",
            kubernetes="",
            containerd="",
            cgroups="cgroup2fs",
            resolver=("/etc/resolv.conf", ("10.31.0.2",)),
            lacking=frozenset(),
            identity={
                "product_uuid": frozenset({f"00000000-0000-0000-0000-{number:012x}"}),
                "machine-id": frozenset({f"{number:032x}"}),
            },
        )
        for number, node in enumerate(intent.nodes, start=1)
    }


def typed(key: str, value: Any) -> Any:
    """A value of a case in the type that the fact has."""
    match key, value:
        case "system", str():
            value = systems.read(Answer(0, value))
        case "resolver", [file, *nameservers]:
            value = (file, tuple(nameservers))
        case "repository", {"trouble": trouble}:
            value = Repository(trouble=trouble)
        case "repository", dict():
            value = Repository({package: tuple(versions) for package, versions in value.items()})
        case "other_cni" | "firewalls" | "twice", list():
            value = tuple(value)
        case "identity", dict():
            value = {kind: frozenset(values) for kind, values in value.items()}
        case _, list():
            value = frozenset(value)
    return value


def laid_over(every: dict[str, NodeFacts], differences: dict[str, dict[str, Any]]) -> dict[str, NodeFacts]:
    """The facts of nodes with those of a case laid over them."""
    changed = {
        name: replace(every[name], **{key: typed(key, value) for key, value in different.items()})
        for name, different in differences.items()
    }
    return every | changed


@pytest.mark.cases("reasons")
def test_a_node_is_refused_for_these_reasons(case: dict[str, Any], intent_of: Any) -> None:
    intent = intent_of(**case.get("edit", {}))
    every = laid_over(good(intent, case.get("offset", 0)), case.get("facts", {}))
    assert preflight.reasons(intent, intent.node(case["node"]), Compared.of(every)) == case["reasons"]


@pytest.mark.parametrize(("containerd", "refused"), [("1.7.24~ds1", True), ("2.2.9", False), ("", False)])
def test_a_kubernetes_that_is_still_to_come_needs_containerd_2(
    intent_of: Any, containerd: str, *, refused: bool
) -> None:
    intent = intent_of()
    later = intent.model_copy(update={"own_software": intent.software.model_copy(update={"kubernetes": "1.38.0"})})
    own = replace(good(later, 0)[later.nodes[0].name], containerd=containerd)
    reason = (
        f"containerd {containerd} is there, and Kubernetes from 1.38 on needs 2.0 or newer: "
        "upgrade it, or use a release of the system that has it"
    )
    assert software.software(later, own) == ([reason] if refused else [])


def test_the_twins_name_each_other(intent_of: Any) -> None:
    intent = intent_of()
    every = good(intent, 0)
    first, second = intent.nodes[0].name, intent.nodes[1].name
    every[second] = replace(every[second], macs=every[first].macs)
    said = {node.name: preflight.reasons(intent, node, Compared.of(every)) for node in intent.nodes}
    assert [name for name, found in said.items() if found] == [first, second]
    assert f"is also that of {second}:" in said[first][0]
    assert f"is also that of {first}:" in said[second][0]


def test_a_node_that_is_chosen_alone_is_compared_with_itself(intent_of: Any) -> None:
    intent = intent_of()
    node = intent.nodes[0]
    alone = {node.name: replace(good(intent, 0)[node.name], clock_offset=5000)}
    assert preflight.reasons(intent, node, Compared.of(alone)) == []


@pytest.mark.cases("recorded")
def test_answers_become_facts(case: dict[str, Any], intent_of: Any) -> None:
    answers = {name: Answer(**answer) for name, answer in case["answers"].items()}
    found = vars(node_facts.facts(intent_of(), Seen(answers, {}), (case["asked_at"], case["asked_at"])))
    assert {key: found[key] for key in case["facts"]} == {
        key: typed(key, value) for key, value in case["facts"].items()
    }


@pytest.mark.cases("upgrades")
def test_a_cluster_of_another_version_is_refused_once_for_all_hosts(case: dict[str, Any], intent_of: Any) -> None:
    refusal = refusals.refusal(intent_of(), {}, case["runs"])
    assert (str(refusal) if refusal else None) == case["refusal"]


@pytest.mark.parametrize(("runs", "refused"), [("1.7.27", True), ("2.3.5", False), ("", False)])
def test_an_archive_of_another_containerd_moves_no_member(intent_of: Any, runs: str, refused: bool) -> None:  # noqa: FBT001
    named = {"version": "2.3.5", "url": "https://mirror.example.net/containerd.tgz", "sha256": "0" * 64}
    intent = intent_of(defaults_file={"data": {"software": {"runtime_archives": {"containerd": named}}}})
    member = {
        name: replace(facts, member=True, containerd=runs, containerd_package="")
        for name, facts in good(intent, 0).items()
    }
    refusal = refusals.another_runtime(intent, member)
    assert bool(refusal) is refused
    if refusal:
        assert "containerd 1.7.27 runs on 6 nodes, software.runtime_archives.containerd says 2.3.5" in str(refusal)
        assert "Cure: python runbooks/upgrade.py --containerd" in str(refusal)
    new = {name: replace(facts, member=False) for name, facts in member.items()}
    assert refusals.another_runtime(intent, new) is None


@pytest.mark.cases("repositories")
def test_a_repository_that_is_of_no_use_is_refused_once_for_all_hosts(case: dict[str, Any], intent_of: Any) -> None:
    intent = intent_of()
    observed = laid_over(good(intent, 0), case["facts"])
    if case.get("only"):  # no other node was looked at
        observed = {name: observed[name] for name in case["facts"]}
    refusal = refusals.refusal(intent, observed, {})
    assert (str(refusal) if refusal else None) == case["refusal"]


def test_the_recorded_answers_are_those_to_the_questions(recorded_questions: set[str], intent_of: Any) -> None:
    intent = intent_of()
    assert set(node_facts.questions(intent, intent.nodes[0])) == recorded_questions


def facts_here(intent: Intent, interface: str) -> NodeFacts:
    """What this machine answers when it is asked as a node."""
    node = intent.nodes[0].model_copy(update={"interface": interface})
    questions = node_facts.questions(intent, node) | {"writable": "true"}  # the only one that writes
    began = time.time()
    seen = asked_here(questions)
    return node_facts.facts(intent, seen, (began, time.time()))


def test_an_interface_that_is_not_there_is_a_reason_and_no_fault(intent_of: Any) -> None:
    intent = intent_of()
    node = intent.nodes[0].model_copy(update={"interface": "nosuch0"})
    every = {node.name: facts_here(intent, "nosuch0"), intent.nodes[1].name: facts_here(intent, "nosuch0")}
    network = [
        reason
        for reason in preflight.reasons(intent, node, Compared.of(every))
        if "nosuch0" in reason or "hardware" in reason
    ]
    assert network == ["nosuch0 has no address, not 10.31.90.1: correct interface or hostname in the inventory"]


def test_this_machine_answers_the_questions_in_the_form_that_is_read(intent_of: Any) -> None:
    facts = facts_here(intent_of(), "lo")
    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.memory_mb == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    assert 0 < facts.free_mb <= os.statvfs("/etc").f_blocks * os.statvfs("/etc").f_frsize // 2**20
    assert 0 <= facts.clock_offset <= facts.clock_doubt + 1
    assert facts.macs == frozenset()  # the loopback has none
    machine_id = Path("/etc/machine-id")
    assert facts.identity.get("machine-id", {""}) == {machine_id.read_text().strip() if machine_id.exists() else ""}
    assert facts.kernel == os.uname().release
    assert facts.cgroups in ("cgroup2fs", "tmpfs")
    assert facts.resolver[0] in (node_facts.RESOLV_CONF, node_facts.RESOLVED_CONF)


def test_who_listens_on_this_machine_is_named(intent_of: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        holder = facts_here(intent_of(), "lo").listening[server.getsockname()[1]]
    assert holder.endswith(f"(pid {os.getpid()})")


@pytest.mark.parametrize(
    ("text", "nameservers"),
    [
        ("nameserver 10.31.0.2\nnameserver\tfe80::1%eth0 # the router\noptions edns0\n", ["10.31.0.2", "fe80::1%eth0"]),
        ("# nameserver 10.31.0.2\n; nameserver 10.31.0.3\nsearch example.net\n", []),
        ("nameserver 10.31.0.2", ["10.31.0.2"]),
        ("", []),
        (None, []),
    ],
)
def test_the_nameservers_are_read_out_of_the_file(
    intent_of: Any, tmp_path: Path, text: str | None, nameservers: list[str]
) -> None:
    if text is not None:
        (tmp_path / "resolv.conf").write_text(text)
    intent = intent_of()
    question = node_facts.questions(intent, intent.nodes[0])["resolver"]
    script = f"systemctl() {{ return 3; }}\n{question.replace(node_facts.RESOLV_CONF, f'{tmp_path}/resolv.conf')}"
    said = subprocess.run(["/bin/sh", "-s"], input=script, text=True, capture_output=True, check=True)
    assert said.stdout.split() == [f"{tmp_path}/resolv.conf", *nameservers]
