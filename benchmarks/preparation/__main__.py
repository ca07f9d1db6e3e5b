"""The same preparation of the lab's six nodes by Kubepeer, ansible-core and pyinfra: from bare machines, and with nothing to do.

    make bench

What is to be done is read from the machines that Kubepeer has prepared: its files, packages, modules, sysctls and units. The others
get these as data, in the form that their documentation recommends; and Kubepeer itself judges when they have ended: where it finds
anything left to change, the comparison is of no worth, and ends. All are whole processes, one after the other in one run; of times
with nothing to do the median is told. The lab's machines are reset three times; what Ansible needs on them (Python) is not counted.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.preparation.wanted import of_machine
from lab.places import CHECKOUT, Instance, instance
from lab.topology import MACHINES
from tests.lab.runbooks import Project

HERE = Path(__file__).resolve().parent
PEERS = Path(sys.prefix) / "peers" / "bin"
NODES = tuple(machine for machine in MACHINES if machine.is_node)
DEADLINE = 1200
TIMES = {"Kubepeer": 7, "ansible-core": 3, "pyinfra": 5}
"""How often each is run with nothing to do."""


@dataclass
class Measured:
    """Seconds of one tool, whole processes."""

    first: float = 0.0
    nothing_to_do: list[float] = field(default_factory=list)

    @property
    def again(self) -> float:
        """With nothing to do: the median."""
        return statistics.median(self.nothing_to_do)


def timed(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> tuple[float, str]:
    """Seconds, and what was printed; a command that fails ends the benchmark."""
    began = time.monotonic()
    done = subprocess.run(
        [str(word) for word in command],
        cwd=CHECKOUT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: exit {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return time.monotonic() - began, done.stdout


def reset() -> None:
    """Bare machines."""
    timed([sys.executable, "-m", "lab", "reset"])


class Kubepeer:
    """The preparation as deploy.py does it."""

    def __init__(self, configuration: Path) -> None:
        self._command: list[str | Path] = [
            sys.executable,
            "-m",
            "benchmarks.preparation.runbook",
            "--config",
            configuration,
        ]
        self._command += ["--group", "kubernetes", "--output", "json"]

    def run(self, *options: str) -> tuple[float, dict[str, dict[str, str]]]:
        """Seconds, and what was changed (or would be): node -> subject -> diff."""
        seconds, told = timed([*self._command, *options])
        changes: dict[str, dict[str, str]] = {}
        for phase in json.loads(told)["phases"]:
            for host, said in phase["hosts"].items():
                changes.setdefault(host, {}).update({change["what"]: change["diff"] for change in said["changes"]})
        return seconds, changes

    def must_find_nothing(self, who: str) -> None:
        """Refuse to compare with what was not the same."""
        left = {host: list(found) for host, found in self.run("--dry-run")[1].items() if found}
        if left:
            raise SystemExit(f"{who} has not done the same: {json.dumps(left, indent=1)}")


def ansible(lab: Instance, folder: Path) -> tuple[list[str | Path], dict[str, str]]:
    """The command: as its documentation on speed recommends, with pipelining, a connection that is kept, and a fork a machine."""
    environment = {
        "ANSIBLE_CONFIG": str(HERE / "with_ansible" / "ansible.cfg"),
        "ANSIBLE_FORKS": str(len(NODES)),
        "ANSIBLE_PRIVATE_KEY_FILE": str(lab.cache.key),
        "ANSIBLE_SSH_COMMON_ARGS": f"-o UserKnownHostsFile={lab.path / 'known_hosts'} -o ControlMaster=auto -o ControlPersist=60s",
    }
    playbook: list[str | Path] = [
        PEERS / "ansible-playbook",
        "--inventory",
        folder / "inventory.json",
        HERE / "with_ansible" / "prepare.yaml",
    ]
    return ["ip", "netns", "exec", lab.name, *playbook], environment


def pyinfra(lab: Instance, folder: Path) -> tuple[list[str | Path], dict[str, str]]:
    """The command; it connects to all machines at once by itself."""
    environment = {
        "PREPARATION": str(folder / "inventory.json"),
        "PREPARATION_KEY": str(lab.cache.key),
        "PREPARATION_KNOWN_HOSTS": str(lab.path / "known_hosts"),
    }
    deploy: list[str | Path] = [
        PEERS / "pyinfra",
        "--yes",
        HERE / "with_pyinfra" / "inventory.py",
        HERE / "with_pyinfra" / "deploy.py",
    ]
    return ["ip", "netns", "exec", lab.name, *deploy], environment


def python_for_ansible(lab: Instance, folder: Path) -> None:
    """Ansible's own documentation: a machine without Python gets it by `raw` first."""
    command, environment = ansible(lab, folder)
    timed([*command[:-1], HERE / "with_ansible" / "python.yaml"], environment)


def main() -> None:
    """Measure all three, and print their ratios."""
    lab = instance()
    results = {name: Measured() for name in TIMES}
    with tempfile.TemporaryDirectory(prefix="kubepeer-preparation-") as text:
        folder = Path(text)
        ours = Kubepeer(Project.of(folder / "project", lab).edited().config)
        reset()
        results["Kubepeer"].first, changes = ours.run()
        results["Kubepeer"].nothing_to_do = [ours.run()[0] for _ in range(TIMES["Kubepeer"])]
        ours.must_find_nothing("Kubepeer")
        hosts = {node.name: of_machine(lab, node, changes[node.name], folder / "files" / node.name) for node in NODES}
        inventory = {"all": {"hosts": hosts}}
        (folder / "inventory.json").write_text(json.dumps(inventory, indent=1))
        for name, peer in (("ansible-core", ansible), ("pyinfra", pyinfra)):
            reset()
            if name == "ansible-core":
                python_for_ansible(lab, folder)
            command, environment = peer(lab, folder)
            results[name].first = timed(command, environment)[0]
            ours.must_find_nothing(name)
            results[name].nothing_to_do = [timed(command, environment)[0] for _ in range(TIMES[name])]
    tell(results)


def tell(results: Mapping[str, Measured]) -> None:
    """One row a tool; ratios to Kubepeer's."""
    ours = results["Kubepeer"]
    print(f"{'six nodes, whole process':<26}{'first run':>20}{'nothing to do':>24}")
    for name, found in results.items():
        first = f"{found.first:.1f} s ({found.first / ours.first:.1f} x)"
        again = f"{found.again:.2f} s ({found.again / ours.again:.1f} x)"
        print(f"{name:<26}{first:>20}{again:>24}")


if __name__ == "__main__":
    main()
