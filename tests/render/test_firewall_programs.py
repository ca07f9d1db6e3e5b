"""What is told to firewalld and to ufw, judged by them, as the lab's machines have them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from lab.places import cache
from tasks.nodes import firewalld, ufw
from tests.conftest import unavailable
from tests.render.programs import Said, bird_layers, overlaid, rpm_layers


@pytest.fixture
def intent(intent_of: Any) -> Intent:
    made: Intent = intent_of(defaults_file={"data": {"software": {"firewall": "open", "open_node_ports": True}}})
    return made


Judge = Callable[[dict[str, str], str], Said]


def judge(layers: list[Path]) -> Judge:
    """Runs a script over a machine of the lab, which stays as it is."""
    if not layers:
        unavailable("the lab's machines are not built, or this is not root: python -m lab build")

    def judged(files: dict[str, str], script: str) -> Said:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (files | {"script": script}).items():
                (Path(folder) / name).write_text(text)
            return overlaid(layers, Path(folder), ["/bin/sh", "/mnt/script"])

    return judged


@pytest.fixture
def by_firewalld() -> Judge:
    return judge(rpm_layers(cache()))


@pytest.fixture
def by_ufw() -> Judge:
    return judge(bird_layers(cache()))


def test_firewalld_takes_its_policies(intent: Intent, by_firewalld: Judge) -> None:
    policies = {Path(path).name: text for path, text in firewalld.files(intent, intent.control_planes[0]).items()}
    names = [Path(name).stem for name in policies]
    script = f"mkdir -p {firewalld.FOLDER}; cp /mnt/*.xml {firewalld.FOLDER}/; firewall-offline-cmd --check-config || exit 9\n"
    said = by_firewalld(policies, script + "".join(f"firewall-offline-cmd --info-policy={name}\n" for name in names))
    assert said.code == 0, said.text
    assert said.text.count("rule family=") == sum(text.count("<rule ") for text in policies.values())
    assert 'source address="10.31.90.1/32" protocol value="vrrp" accept' in said.text


def test_firewalld_refuses_what_it_does_not_know(by_firewalld: Judge) -> None:
    policy = '<policy target="CONTINUE" priority="-100"><ingress-zone name="ANY"/><bogus/></policy>'
    script = f"mkdir -p {firewalld.FOLDER}; cp /mnt/x.xml {firewalld.FOLDER}/; firewall-offline-cmd --check-config\n"
    assert by_firewalld({"x.xml": policy}, script).code != 0


def test_ufw_writes_down_what_is_looked_for(intent: Intent, by_ufw: Judge) -> None:
    rules = ufw.rules(intent, intent.control_planes[0])
    tried = "".join(
        f"ufw {'route ' if rule.routed else ''}{rule.words} comment {ufw.COMMENT} >/dev/null || exit 9\n"
        for rule in rules
    )
    said = by_ufw({}, f"{tried}{ufw.QUESTION}\n")
    assert said.code == 0, said.text
    lines = [line for line in said.text.splitlines() if line.startswith("### tuple ###")]
    assert [ufw.read(ufw.tuple_of(line)) for line in lines] == list(rules)


def test_ufw_deletes_what_it_wrote_down(intent: Intent, by_ufw: Judge) -> None:
    rules = ufw.rules(intent, intent.workers[0])
    words = [(f"{'route ' if rule.routed else ''}", rule.words) for rule in rules]
    script = "".join(f"ufw {route}{rule} comment {ufw.COMMENT} >/dev/null || exit 9\n" for route, rule in words)
    script += "".join(f"ufw --force {route}delete {rule} >/dev/null || exit 8\n" for route, rule in words)
    said = by_ufw({}, f"{script}{ufw.QUESTION}\n")
    assert (said.code, "tuple" in said.text) == (0, False), said.text
