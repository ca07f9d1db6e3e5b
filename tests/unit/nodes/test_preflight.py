"""Reasons not to begin on a node, by cases, and the facts that they are judged from."""

import os
import subprocess
import time
from dataclasses import asdict, replace
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.linux import observe
from tasks.linux.observe import Answer, Seen
from tasks.nodes import preflight
from tasks.nodes.preflight import NodeFacts

MODULES = "overlay br_netfilter nf_conntrack ip_vs ip_vs_rr ip_vs_wrr ip_vs_sh"


def good(intent: Intent, offset: float) -> dict[str, NodeFacts]:
    """All nodes of the inventory, with nothing to complain of; their clocks differ by tenths of a second."""
    return {
        node.name: NodeFacts(
            system="debian\n",
            cpus=2,
            memory_mb=4096,
            free_mb=20_000,
            addresses=frozenset({str(node.address)}),
            macs=frozenset({f"02:00:00:00:00:{number:02x}"}),
            clock_offset=offset + number / 10,
            loadable=frozenset(MODULES.split()),
            listening=frozenset({22}),
            member=False,
            prepared=False,
            read_only=False,
        )
        for number, node in enumerate(intent.nodes, start=1)
    }


def frozen(value: Any) -> Any:
    return frozenset(value) if isinstance(value, list) else value


@pytest.mark.cases("reasons")
def test_a_node_is_refused_for_these_reasons(case: dict[str, Any], intent_of: Any) -> None:
    intent = intent_of(**case.get("edit", {}))
    every = good(intent, case.get("offset", 0))
    for name, differences in case.get("facts", {}).items():
        every[name] = replace(every[name], **{key: frozen(value) for key, value in differences.items()})
    assert preflight.reasons(intent, intent.node(case["node"]), every) == case["reasons"]


def test_the_twins_name_each_other(intent_of: Any) -> None:
    intent = intent_of()
    every = good(intent, 0)
    first, second = intent.nodes[0].name, intent.nodes[1].name
    every[second] = replace(every[second], macs=every[first].macs)
    said = {node.name: preflight.reasons(intent, node, every) for node in intent.nodes}
    assert [name for name, found in said.items() if found] == [first, second]
    assert f"is also that of {second}:" in said[first][0]
    assert f"is also that of {first}:" in said[second][0]


def test_a_node_that_is_chosen_alone_is_compared_with_itself(intent_of: Any) -> None:
    intent = intent_of()
    node = intent.nodes[0]
    alone = {node.name: replace(good(intent, 0)[node.name], clock_offset=5000)}
    assert preflight.reasons(intent, node, alone) == []


@pytest.mark.cases("recorded")
def test_answers_become_facts(case: dict[str, Any]) -> None:
    answers = {name: Answer(**answer) for name, answer in case["answers"].items()}
    found = asdict(preflight.facts(Seen(answers, {}), case["asked_at"]))
    assert {key: found[key] for key in case["facts"]} == {key: frozen(value) for key, value in case["facts"].items()}


def test_the_recorded_answers_are_those_to_the_questions(recorded_questions: set[str], intent_of: Any) -> None:
    intent = intent_of()
    assert set(preflight.questions(intent, intent.nodes[0])) == recorded_questions


def facts_here(intent: Intent, interface: str) -> NodeFacts:
    """What this machine answers when it is asked as a node."""
    node = intent.nodes[0].model_copy(update={"interface": interface})
    questions = preflight.questions(intent, node) | {"writable": "true"}  # the only one that writes
    began = time.time()
    printed = subprocess.run(
        ["/bin/sh", "-s"], input=observe.script(questions), text=True, capture_output=True, check=True
    ).stdout
    return preflight.facts(observe.parse(printed), (began + time.time()) / 2)


def test_an_interface_that_is_not_there_is_a_reason_and_no_fault(intent_of: Any) -> None:
    intent = intent_of()
    node = intent.nodes[0].model_copy(update={"interface": "nosuch0"})
    every = {node.name: facts_here(intent, "nosuch0"), intent.nodes[1].name: facts_here(intent, "nosuch0")}
    network = [
        reason for reason in preflight.reasons(intent, node, every) if "nosuch0" in reason or "hardware" in reason
    ]
    assert network == ["nosuch0 has no address, not 10.31.90.1: correct interface or hostname in the inventory"]


def test_this_machine_answers_the_questions_in_the_form_that_is_read(intent_of: Any) -> None:
    facts = facts_here(intent_of(), "lo")
    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.memory_mb == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    assert 0 < facts.free_mb <= os.statvfs("/etc").f_blocks * os.statvfs("/etc").f_frsize // 2**20
    assert abs(facts.clock_offset) < 10
    assert facts.macs == frozenset()  # the loopback has none
