"""Which firewall is on, asked of a folder that stands for a machine; and what is opened for whom."""

import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from kubepeer.intent import Intent
from tasks.linux.observe import Answer
from tasks.linux.templates import FOLDER
from tasks.nodes import firewalld, ufw
from tasks.nodes.firewall import NO_POLICIES, QUESTION, active
from tasks.nodes.openings import openings

ROOTS = re.compile(r"(?<=[ <])/(?=(?:etc|sys|usr)/)")
POLICIES = {"usr/lib/firewalld/policies/allow-host-ipv6.xml": "<policy/>"}
LINK = "etc/systemd/system/sysinit.target.wants/nftables.service"
DROPS = "table inet filter {\n  chain input {\n    type filter hook input priority 0; policy drop;\n  }\n}\n"


@pytest.mark.parametrize(
    ("files", "on"),
    [
        ({}, ()),
        ({"etc/ufw/ufw.conf": "# ENABLED=yes\nENABLED=no\nLOGLEVEL=low\n"}, ()),
        ({"etc/ufw/ufw.conf": "# /etc/ufw/ufw.conf\nENABLED=yes\n"}, ("ufw",)),
        (POLICIES | {"sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs": "1\n"}, ("firewalld",)),
        (POLICIES | {"etc/systemd/system/multi-user.target.wants/firewalld.service": ""}, ("firewalld",)),
        ({"etc/systemd/system/multi-user.target.wants/firewalld.service": ""}, ("firewalld", NO_POLICIES)),
        (
            POLICIES
            | {
                "sys/fs/cgroup/systemd/system.slice/firewalld.service/tasks": "1\n",
                "etc/systemd/system/multi-user.target.wants/firewalld.service": "",
                "etc/ufw/ufw.conf": "ENABLED=YES",
            },
            ("ufw", "firewalld"),
        ),
        ({LINK: "", "etc/nftables.conf": DROPS}, ("nftables",)),
        (
            {"etc/systemd/system/multi-user.target.wants/nftables.service": "", "etc/nftables/main.nft": DROPS},
            ("nftables",),
        ),
        ({LINK: "", "etc/nftables.conf": DROPS.replace("drop", "accept")}, ()),
        ({"etc/nftables.conf": DROPS}, ()),
    ],
    ids=[
        "none",
        "ufw_is_off",
        "ufw",
        "firewalld_runs",
        "firewalld_will_run",
        "firewalld_is_old",
        "both",
        "nftables",
        "nftables_of_red_hat",
        "nftables_that_accepts",
        "nftables_that_nobody_starts",
    ],
)
def test_a_machine_names_those_that_are_on(tmp_path: Path, files: dict[str, str], on: tuple[str, ...]) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    done = subprocess.run(
        ["/bin/sh", "-c", ROOTS.sub(f"{tmp_path}/", QUESTION)], text=True, capture_output=True, check=True
    )
    assert done.stderr == ""
    assert active(Answer(0, done.stdout)) == on


@pytest.fixture
def open_intent(intent_of: Any) -> Intent:
    return intent_of(defaults_file={"data": {"software": {"firewall": "open"}}})


def test_bgp_comes_from_the_nodes_own_routers_alone(intent_of: Any) -> None:
    intent = intent_of(hosts={"k8s-calico-worker-10-31-90-4": {"data": {"routers": ["openwrt"]}}})
    (bgp,) = [one for one in openings(intent, intent.node("k8s-calico-worker-10-31-90-4")) if one.port == "179"]
    assert [str(network) for network in bgp.sources] == [f"{intent.router('openwrt').address}/32"]


def test_where_nodes_reflect_bgp_comes_from_them_too(intent_of: Any) -> None:
    """To a reflector from all nodes, to any other from the reflectors."""
    masters = [f"k8s-calico-master-10-31-90-{number}" for number in (1, 2)]
    bgp = {"topology": "route_reflectors"}
    intent = intent_of(
        hosts={name: {"data": {"route_reflector": True}} for name in masters},
        groups={"fabric": {"data": {"cluster": {"bgp": bgp, "networks": {"pod_routing": {"encapsulation": "None"}}}}}},
    )
    routers = {f"{router.address}/32" for router in intent.routers}

    def sources(number: int) -> set[str]:
        (found,) = [one for one in openings(intent, intent.nodes[number]) if one.port == "179"]
        return {str(network) for network in found.sources} - routers

    assert sources(0) == {f"10.31.90.{number}/32" for number in (2, 3, 4, 5, 6)}
    assert sources(5) == {"10.31.90.1/32", "10.31.90.2/32"}


def test_a_worker_receives_nothing_of_a_control_plane(open_intent: Intent) -> None:
    of = {node.role: {(one.protocol, one.port) for one in openings(open_intent, node)} for node in open_intent.nodes}
    assert of["worker"] < of["control_plane"]
    assert of["control_plane"] - of["worker"] == {
        ("tcp", "6443"),
        ("tcp", "8443"),
        ("tcp", "2379-2380"),
        ("tcp", "10257"),
        ("tcp", "10259"),
        ("vrrp", ""),
    }


def test_the_network_is_what_the_openings_are_for() -> None:
    """A mesh among the nodes needs other ports; IP in IP is refused with these (mistakes/firewall_open_for_ip_in_ip.yaml)."""
    templates = {name: (FOLDER / "cluster" / f"{name}.yaml.j2").read_text() for name in ("calico", "bgp")}
    said = re.findall(r'encapsulation: "{{ (.*?) }}"', templates["calico"])
    assert said == ['"VXLAN" if without_bgp else pool.encapsulation']
    assert "nodeToNodeMeshEnabled: false" in templates["bgp"]


@pytest.mark.parametrize("role", ["control_plane", "worker"])
def test_firewalld_accepts_what_the_openings_say(open_intent: Intent, role: str) -> None:
    node = next(node for node in open_intent.nodes if node.role == role)
    root = ET.fromstring(firewalld.files(open_intent, node)[firewalld.INPUT_FILE].partition("\n")[2])
    said = set()
    for rule in root.iter("rule"):
        port, protocol, source = rule.find("port"), rule.find("protocol"), rule.find("source")
        assert rule.find("accept") is not None
        if port is not None or protocol is not None:
            kind = port.get("protocol") if port is not None else protocol.get("value")  # type: ignore[union-attr]
            where = port.get("port") if port is not None else ""
            said.add((kind, where, source.get("address") if source is not None else ""))
    wanted = {
        (one.protocol, one.port, source and str(source))
        for one in openings(open_intent, node)
        for source in one.sources or ("",)
    }
    assert said == wanted
    assert (root.get("target"), int(root.get("priority", "0")) < 0) == ("CONTINUE", True)


def test_vrrp_stands_in_ufws_filter_table_once_and_goes_with_the_role(open_intent: Intent) -> None:
    master, worker = open_intent.control_planes[0], open_intent.workers[0]
    own = "*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:ufw-before-input - [0:0]\n-A ufw-before-input -i lo -j ACCEPT\nCOMMIT\n"
    once = ufw.with_vrrp(own, open_intent, master)
    assert ufw.with_vrrp(once, open_intent, master) == once
    assert ufw.with_vrrp(once, open_intent, worker) == own
    filter_table = once[once.index("*filter") :]
    sources = [f"-A ufw-before-input -p 112 -s {node.address} -j ACCEPT" for node in open_intent.control_planes]
    assert [line for line in filter_table.splitlines() if "112" in line] == sources
    assert filter_table.endswith(f"{ufw.END}\nCOMMIT\n")
    assert once.index("*filter") > once.index("COMMIT")


def test_what_ufw_wrote_for_a_rule_is_that_rule(open_intent: Intent) -> None:
    for rule in ufw.rules(open_intent, open_intent.control_planes[0]):
        assert ufw.read(rule.tuple_line) == rule
