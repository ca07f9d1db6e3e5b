"""A small network of namespaces in which real BIRDs speak to each other: nodes as the stand-in makes them, and routers."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tests.unit.standins.conftest  # noqa: F401  the stand-ins' modules are found by it
from lab.places import Cache
from lab.topology import Role

from calico_node.bird import Bird, BirdError  # isort: skip


def bird_program(cache: Cache) -> list[str]:
    """BIRD of the PATH, or the one that the lab has built, by the loader and the libraries of that machine; empty without either."""
    if found := shutil.which("bird"):
        return [found]
    client, base = cache.layer(Role.CLIENT), cache.base
    loader = next(base.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"), None)
    program = client / "usr/sbin/bird"
    if loader is None or not program.exists():
        return []
    libraries = [str(folder) for layer in (client, base) for folder in layer.glob("usr/lib/*-linux-gnu*")]
    return [str(loader), "--library-path", ":".join(libraries), str(program)]


def namespaces_possible() -> bool:
    """Whether this user may make network namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"kp-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "del", name], check=True)
    return made


def run(*command: str) -> str:
    """Run a program that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}"
    return done.stdout


def until(condition: Callable[[], bool], seconds: float, what: Callable[[], object]) -> None:
    """Wait for a condition; what stood there is told when it did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what()}"
        time.sleep(0.1)  # the deadline is the wait


@dataclass
class Machine:
    """A namespace with one interface on the common link, eth0, and a BIRD."""

    namespace: str
    folder: Path
    program: list[str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def inside(self, *command: str) -> str:
        """Run a program in the namespace."""
        return run("ip", "netns", "exec", self.namespace, *command)

    def start_bird(self, text: str, *options: str) -> None:
        """Start BIRD with this configuration."""
        configuration, log = self.folder / "bird.conf", self.folder / "log"
        configuration.write_text(text)
        words = [*self.program, "-f", *options, "-c", str(configuration), "-s", str(self.folder / "bird.ctl")]
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.namespace, *words], stderr=stderr)

    def end_bird(self) -> None:
        """Kill BIRD."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, command: str) -> list[str]:
        """Ask BIRD as the stand-in does."""
        return Bird(self.folder / "bird.conf", self.folder).ask(command)

    def paths(self, prefix: str) -> list[str]:
        """The paths to a prefix as `neighbour: next hop`, of all protocols of BGP."""
        found: list[str] = []
        neighbour = ""
        try:
            shown = self.ask(f"show route {prefix} all")
        except (OSError, BirdError):  # it starts, or it knows no such network
            return []
        for line in shown:
            before, bracket, after = line.partition(" [")
            if bracket and not before.startswith("\t"):
                neighbour = after.split()[0]
            elif "BGP.next_hop:" in line:
                found.append(f"{neighbour}: {line.split()[1]}")
        return sorted(found)


@contextmanager
def network(addresses: Mapping[str, str], folder: Path, program: list[str]) -> Iterator[dict[str, Machine]]:
    """Make the machines on one link, and take all of it away."""
    prefix = f"kp-{os.getpid()}"
    link = f"{prefix}-link"
    machines: dict[str, Machine] = {}
    try:
        run("ip", "netns", "add", link)
        run("ip", "-n", link, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", link, "link", "set", "br0", "up")
        for name, address in addresses.items():
            machine = Machine(f"{prefix}-{name}", folder / name, program)
            machine.folder.mkdir()
            run("ip", "netns", "add", machine.namespace)
            machines[name] = machine
            inner = ["peer", "name", "eth0", "netns", machine.namespace]
            run("ip", "-n", link, "link", "add", name, "type", "veth", *inner)
            run("ip", "-n", link, "link", "set", name, "master", "br0", "up")
            # an address of IPv6 that the kernel still looks for elsewhere (RFC 4862) can be bound by nobody
            at_once = ["nodad"] if ":" in address else []
            machine.inside("ip", "address", "add", address, "dev", "eth0", *at_once)
            for device in ("lo", "eth0"):
                machine.inside("ip", "link", "set", device, "up")
        yield machines
    finally:
        for machine in machines.values():
            machine.end_bird()
            subprocess.run(["ip", "netns", "del", machine.namespace], check=False)
        subprocess.run(["ip", "netns", "del", link], check=False)
