"""The machines of a fleet: where they listen, the inventory that they stand in, and what they answer.

A machine is a fresh Debian as the unit tests have it recorded (tests/unit/nodes), with a name, addresses and an identity of its own.
Each listens on a loopback address of its own: no other network is touched, and known_hosts has as many names as there are hosts.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import yaml

from tasks.control_plane import membership, record

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDED = CHECKOUT / "tests" / "unit" / "nodes"
MARK = re.compile(r"@@kubepeer-[0-9a-f]+")  # as tasks.linux.observe makes it anew for every script
ASKED = re.compile(r"say (answer|file) ('[^']+'|\S+) (?:\$\?|absent)")
PORT, FIRST_LISTENS, FIRST = 2200, IPv4Address("127.31.0.1"), IPv4Address("10.31.1.1")
CONTROL_PLANES = 3
PODS, MAXIMUM_PREFIXES = IPv4Network("10.64.0.0/10"), 70_000  # blocks for every node, and all of them from one
KUBERNETES = "1.36.3"
MANIFESTS = {  # what stands in for them in the lab
    "calico": "calico-3.32.1/tigera-operator.yaml",
    "calico_crds": "calico-3.32.1/operator-crds.yaml",
    "purelb": "purelb-0.16.6/purelb-complete.yaml",
}
PACKAGES = ("kubelet", "kubeadm", "kubectl", "cri-tools", "containerd", "chrony", "conntrack", "iptables", "ipset")
USED = "".join(f"{package} | {KUBERNETES}-1.1 | http://packages\n" for package in PACKAGES)


@dataclass(frozen=True)
class Machine:
    """One of the fleet, by its number."""

    number: int

    @property
    def name(self) -> str:
        """As the inventory has it."""
        return f"node-{self.number:05}"

    @property
    def listens(self) -> str:
        """Where its sshd listens."""
        return str(FIRST_LISTENS + self.number)

    @property
    def address(self) -> str:
        """The one of its BGP sessions, which nothing is sent to."""
        return str(FIRST + self.number)

    def answers(self) -> dict[str, str]:
        """What it says that no other says."""
        number = f"{self.number:08x}"
        return {
            "clock": f"{time.time():.9f}",
            "addresses": f"{self.address}/16",
            "macs": "02:00:" + ":".join(number[place : place + 2] for place in range(0, 8, 2)),
            "identity": f"product_uuid: 11111111-0000-0000-0000-0000{number}\nmachine-id: {number:0>32}\n"
            f"SSH host key: ssh-ed25519 {number:A>68} root@{self.name}",
        }

    def files(self) -> dict[str, str]:
        """Files that no other has."""
        return {"/etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n"}


def fleet(hosts: int) -> list[Machine]:
    """So many machines."""
    return [Machine(number) for number in range(hosts)]


@dataclass(frozen=True)
class Recording:
    """What every machine of the fleet says."""

    answers: Mapping[str, str]
    files: Mapping[str, str]

    def said(self, script: str, machine: Machine) -> bytes | None:
        """What a machine prints when it is asked by tasks.linux.observe; None: that there is no such file.

        Raises:
            LookupError: the script is none of these, or asks what was not recorded.

        """
        found = MARK.search(script)
        if found is None:
            if script.startswith("cat ") and script.split(maxsplit=1)[1] not in self.files:
                return None
            raise LookupError(f"no question: {script[:200]!r}")
        return "".join(self._lines(script, found[0], machine)).encode()

    def _lines(self, script: str, mark: str, machine: Machine) -> Iterator[str]:
        answers, files = {**self.answers, **machine.answers()}, {**self.files, **machine.files()}
        # of a file the script has two branches: there, and absent
        for kind, quoted in dict.fromkeys(ASKED.findall(script)):
            name = quoted.strip("'")
            if kind == "answer":
                yield f"{mark} answer {name} 0\n{answers[name]}\n{mark}\n"
            elif name in files:
                yield f"{mark} file {name} 0\n644 root:root\n{files[name]}x\n{mark}\n"
            else:
                yield f"{mark} file {name} absent\n\n{mark}\n"


def recorded() -> Recording:
    """The answers of a machine as its installer leaves it."""
    fresh = yaml.safe_load((RECORDED / "recorded" / "a_fresh_debian_machine.yaml").read_text(encoding="utf-8"))
    bare = yaml.safe_load((RECORDED / "machines" / "bare.yaml").read_text(encoding="utf-8"))
    no_member = dict.fromkeys((*membership.QUESTIONS, *record.QUESTIONS, "kubeconfigs", "run lock"), "")
    of_facts = {name: answer["text"] for name, answer in fresh["answers"].items()}
    answers = no_member | of_facts | bare["answers"] | {"repository": USED, "probes": ""}
    return Recording(answers, {path: text for path, text in bare["files"].items() if text is not None})


def inventory(machines: list[Machine]) -> dict[str, Any]:
    """The four files of a project whose nodes these are: name -> document."""
    groups = yaml.safe_load((CHECKOUT / "inventory" / "groups.yaml").read_text(encoding="utf-8"))
    cluster = groups["fabric"]["data"]["cluster"]
    cluster["networks"] |= {"pods": str(PODS), "pod_block_size": 26}
    cluster["bgp"]["maximum_prefixes"] = MAXIMUM_PREFIXES
    groups["linux"] |= {"port": PORT}
    defaults = yaml.safe_load((CHECKOUT / "inventory" / "defaults.yaml").read_text(encoding="utf-8"))
    defaults["connection_options"] = {
        "netmiko": {"extras": {"use_keys": True, "key_file": "key", "allow_agent": False}}
    }
    defaults["data"]["manifests"] = {
        name: str(CHECKOUT / "lab" / "standins" / "manifests" / path) for name, path in MANIFESTS.items()
    }
    defaults["data"]["packages"] |= {"repositories": ["deb [trusted=yes] http://packages ./"], "keyrings": {}}
    hosts: dict[str, Any] = {
        machine.name: {
            "hostname": machine.listens,
            "groups": ["control_plane" if machine.number < CONTROL_PLANES else "worker"],
            "data": {"address": machine.address},
        }
        for machine in machines
    }
    hosts["router"] = {"hostname": "10.31.254.253", "groups": ["frr"], "data": {"as_number": 64512}}
    config = {
        "inventory": {
            "plugin": "SimpleInventory",
            "options": {f"{kind}_file": f"{kind}s.yaml" for kind in ("host", "group")}
            | {"defaults_file": "defaults.yaml"},
        },
        "runner": {"plugin": "threaded", "options": {"num_workers": 20}},
        "user_defined": {"host_keys": "strict", "known_hosts": "known_hosts", "state": "var"},
    }
    return {"hosts.yaml": hosts, "groups.yaml": groups, "defaults.yaml": defaults, "config.yaml": config}


def known_as(machine: Machine, port: int = PORT) -> str:
    """Its name in known_hosts."""
    return f"[{machine.listens}]:{port}"
