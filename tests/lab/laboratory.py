"""The lab as the tests use it: machines that run commands, and the controller's namespace."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lab import cgroups, disks, machines
from lab.places import Instance
from lab.topology import MACHINES, machine

CHECKOUT = Path(__file__).resolve().parents[2]
NODES = (
    "k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2", "k8s-calico-master-10-31-90-3",
    "k8s-calico-worker-10-31-90-4", "k8s-calico-worker-10-31-90-5", "k8s-calico-worker-10-31-90-6",
)  # fmt: skip
MASTERS, WORKERS = NODES[:3], NODES[3:]
ROUTERS = ("openwrt", "tiny-unraid")
ADDRESSES = {name: f"10.31.90.{number}" for number, name in enumerate(NODES, start=1)}
VIRTUAL_IP = "10.31.90.0"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAB_SECONDS = (
    300  # ten machines go down or come up in half a minute; this is for a machine that is busy with other things
)

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Laboratory:
    """One instance of the lab."""

    instance: Instance

    @property
    def name(self) -> str:
        """The instance's name, which the controller's network namespace has too."""
        return self.instance.name

    def lab(self, *words: str, deadline: float = LAB_SECONDS) -> subprocess.CompletedProcess[str]:
        """python -m lab WORDS, as a person types it."""
        return subprocess.run(
            [sys.executable, "-m", "lab", *words],
            cwd=CHECKOUT, env={**os.environ, "KUBEPEER_LAB": self.name},
            capture_output=True, text=True, check=False, timeout=deadline,
        )  # fmt: skip

    def must(self, *words: str, deadline: float = LAB_SECONDS) -> None:
        """As lab, but a failure ends the test with what was said."""
        done = self.lab(*words, deadline=deadline)
        assert done.returncode == 0, f"lab {' '.join(words)}: exit {done.returncode}: {done.stdout}{done.stderr}"

    def from_nothing(self) -> None:
        """No machine is up, and none has a disk of an earlier run: that may be one of an older lab."""
        self.must("down")
        for one in MACHINES:
            disks.throw_away(self.instance, one)

    def inside(self, name: str, script: str, *, deadline: float = 60) -> str:
        """What a shell script prints in a machine, which it reaches without any network; a failure ends the test."""
        done = self.try_inside(name, script, deadline=deadline)
        assert done.returncode == 0, (
            f"{name}: exit {done.returncode}: {script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
        return done.stdout

    def try_inside(self, name: str, script: str, *, deadline: float = 60) -> subprocess.CompletedProcess[str]:
        """As inside, whatever the exit code."""
        found = machine(name)
        assert found is not None, name
        first = machines.first_process(self.instance, found)
        clean = [
            "env",
            "-i",
            "HOME=/root",
            "TERM=dumb",
            "LC_ALL=C",
            "VTYSH_HISTFILE=/dev/null",
            f"PATH={PATH}",
        ]
        command = ["nsenter", f"--target={first}", "--all", *clean, "sh", "-c", f"cd /root\n{script}"]
        return subprocess.run(
            machines.launched(cgroups.groups(self.instance, name), command),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, timeout=deadline,
        )  # fmt: skip

    def kernel(self, name: str, *words: str) -> str:
        """What the host's iproute2 says of a machine's network: the machine itself may have none, or a small one."""
        done = self.try_kernel(name, *words)
        done.check_returncode()
        return done.stdout

    def try_kernel(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """As kernel, whatever the exit code."""
        found = machine(name)
        assert found is not None, name
        command = ["ip", "-n", self.instance.namespace(found), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def controller(self, command: Sequence[str], *, deadline: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command of the host in the network that the controller stands in."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, timeout=deadline,
        )  # fmt: skip

    def connections_opened(self) -> tuple[int, int]:
        """How many TCP connections and UDP datagrams have left the controller since its network was made."""
        text = self.controller(["cat", "/proc/net/snmp"]).stdout
        tables: dict[str, dict[str, int]] = {}
        lines = [line.split() for line in text.splitlines()]
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            tables[names[0]] = dict(zip(names[1:], map(int, values[1:]), strict=True))
        return tables["Tcp:"]["ActiveOpens"], tables["Udp:"]["OutDatagrams"]


def wait_for(what: str, ask: Callable[[], Seen], seconds: float, *, pause: float = 0.5) -> Seen:
    """Ask until the answer is true; then give it. The last false answer stands in the failure.

    Who cannot be asked just now, since a machine or an API is only coming up, has given no answer yet: a command that failed, that
    hung, or that said something else than JSON.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            answer = ask()
        except (AssertionError, subprocess.TimeoutExpired, json.JSONDecodeError):
            if time.monotonic() > ends:
                raise
        else:
            if answer:
                return answer
            assert time.monotonic() < ends, f"not so after {seconds:.0f} s: {what} (last answer: {answer!r})"
        time.sleep(pause)  # no machine of the lab tells the tests anything: they ask again
