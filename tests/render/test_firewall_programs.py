"""What is told to firewalld and to ufw, judged by them: of a root in which both are unpacked, where one is named."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.nodes import firewalld, ufw
from tests.render.programs import Said, overlaid

NAMED = "KUBEPEER_FIREWALL_ROOT"  # of the packages firewalld, ufw, iptables and python3 with all that they need
FRESH = """ln -sf /usr/share/ufw/ufw.conf /etc/ufw/ufw.conf; cp /usr/share/ufw/*.rules /usr/share/ufw/iptables/*.rules /etc/ufw/
for p in iptables ip6tables iptables-restore ip6tables-restore; do ln -sf xtables-legacy-multi /usr/sbin/$p; done
ln -sf python3.11 /usr/bin/python3; mkdir -p /var/lib/ufw
"""


@pytest.fixture
def intent(intent_of: Any) -> Intent:
    made: Intent = intent_of(defaults_file={"data": {"software": {"firewall": "open", "open_node_ports": True}}})
    return made


def judged(files: dict[str, str], script: str) -> Said:
    if not os.environ.get(NAMED):
        pytest.skip(f"firewalld and ufw are not here: {NAMED} names a root with them")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (files | {"script": script}).items():
            (Path(folder) / name).write_text(text)
        return overlaid([Path(root) for root in os.environ[NAMED].split(":")], Path(folder), ["/bin/sh", "/mnt/script"])


def test_firewalld_takes_its_policies(intent: Intent) -> None:
    policies = {Path(path).name: text for path, text in firewalld.files(intent, intent.control_planes[0]).items()}
    names = [Path(name).stem for name in policies]
    script = f"{FRESH}mkdir -p {firewalld.FOLDER}; cp /mnt/*.xml {firewalld.FOLDER}/; firewall-offline-cmd --check-config || exit 9\n"
    said = judged(policies, script + "".join(f"firewall-offline-cmd --info-policy={name}\n" for name in names))
    assert said.code == 0, said.text
    assert said.text.count("rule family=") == sum(text.count("<rule ") for text in policies.values())
    assert 'source address="10.31.90.1/32" protocol value="vrrp" accept' in said.text


def test_firewalld_refuses_what_it_does_not_know() -> None:
    policy = '<policy target="CONTINUE" priority="-100"><ingress-zone name="ANY"/><bogus/></policy>'
    script = (
        f"{FRESH}mkdir -p {firewalld.FOLDER}; cp /mnt/x.xml {firewalld.FOLDER}/; firewall-offline-cmd --check-config\n"
    )
    assert judged({"x.xml": policy}, script).code != 0


def test_ufw_writes_down_what_is_looked_for(intent: Intent) -> None:
    rules = ufw.rules(intent, intent.control_planes[0])
    tried = "".join(
        f"ufw {'route ' if rule.routed else ''}{rule.words} comment {ufw.COMMENT} >/dev/null || exit 9\n"
        for rule in rules
    )
    said = judged({}, f"{FRESH}{tried}{ufw.QUESTION}\n")
    assert said.code == 0, said.text
    lines = [line for line in said.text.splitlines() if line.startswith("### tuple ###")]
    assert [ufw.read(ufw.tuple_of(line)) for line in lines] == list(rules)


def test_ufw_deletes_what_it_wrote_down(intent: Intent) -> None:
    rules = ufw.rules(intent, intent.workers[0])
    words = [(f"{'route ' if rule.routed else ''}", rule.words) for rule in rules]
    script = "".join(f"ufw {route}{rule} comment {ufw.COMMENT} >/dev/null || exit 9\n" for route, rule in words)
    script += "".join(f"ufw --force {route}delete {rule} >/dev/null || exit 8\n" for route, rule in words)
    said = judged({}, f"{FRESH}{script}{ufw.QUESTION}\n")
    assert (said.code, "tuple" in said.text) == (0, False), said.text
