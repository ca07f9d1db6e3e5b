"""What a look at many hosts costs: deploy.py's Observe and its whole dry run, against paramiko that connects and runs one script.

    python -m benchmarks.fleet [--hosts 10 100 1000]

One process plays the hosts on the loopback (benchmarks.fleet.serving), with recorded answers that come at once: what is measured is
Kubepeer's own time. All are whole processes, one after the other; Observe's seconds are the phase's and those of bare SSH its connects
and executions. The processor's time is that of the whole process, its start with it; so the slope says more than the number: what one
host more has cost since the row before. Where it is the same in all rows, the cost is linear.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.fleet.machines import CHECKOUT, fleet, inventory
from benchmarks.fleet.serving import served
from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from tasks.control_plane import membership, record
from tasks.linux import run_lock
from tasks.linux.observe import new_mark, script
from tasks.nodes import facts
from tasks.platforms.platform import PLATFORMS

DEADLINE = 3600
FILES_BESIDE_HOSTS = 1024


@dataclass(frozen=True)
class Measured:
    """One process.

    Attributes:
        wall: seconds of the whole process.
        cpu: seconds of the processor.
        memory: the most that it had, in MB.
        out: what it printed.

    """

    wall: float
    cpu: float
    memory: float
    out: str


def measured(command: Sequence[str | Path], folder: Path, *, fails: bool = False) -> Measured:
    """Run a process to its end; one that fails ends the benchmark."""
    began = time.monotonic()
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        process = subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said = (folder / "out").read_text()
        if bool(process.returncode) is not fails:
            raise SystemExit(
                f"{command}: exit {process.returncode}\n{said[-2000:]}{(folder / 'err').read_text()[-2000:]}"
            )
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said)


@contextmanager
def project(hosts: int) -> Iterator[Path]:
    """A project whose nodes are served; gives its folder."""
    with tempfile.TemporaryDirectory(prefix="kubepeer-fleet.") as name:
        folder = Path(name)
        for file, document in inventory(fleet(hosts)).items():
            (folder / file).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        with served(folder, hosts):
            (folder / "script").write_text(_script(folder), encoding="utf-8")
            yield folder


def _script(folder: Path) -> str:
    """What deploy.py asks in Observe."""
    intent = load_intent(read_settings(folder / "config.yaml"), PLATFORMS)
    questions = {
        **facts.questions(intent, intent.nodes[0]),
        **membership.questions(intent),
        **record.QUESTIONS,
        "run lock": run_lock.question(wait=False),
    }
    return script(questions, (*membership.FILES, *record.FILES), new_mark())


def _phase(out: str, title: str) -> float:
    return next(float(phase["seconds"]) for phase in json.loads(out)["phases"] if phase["title"] == title)


def rows(hosts: int) -> dict[str, Measured]:
    """All that is measured of so many hosts; the seconds of the first two are those of the phase, and of the connections."""
    with project(hosts) as folder:
        kubepeer = ["--config", folder / "config.yaml", "--group", "kubernetes", "--dry-run"]
        bare = measured(["-m", "benchmarks.fleet.bare_ssh", folder, folder / "script"], folder)
        observe = measured(["-m", "benchmarks.fleet.observe", *kubepeer, "--output", "json"], folder)
        whole = measured(["runbooks/deploy.py", *kubepeer], folder)
    of_bare, of_phase = float(json.loads(bare.out)["seconds"]), _phase(observe.out, "Observe")
    return {
        "bare SSH": Measured(of_bare, bare.cpu, bare.memory, bare.out),
        "Observe": Measured(of_phase, observe.cpu, observe.memory, observe.out),
        "deploy.py --dry-run": whole,
    }


def allow(hosts: int) -> None:
    """Let the process that plays so many hosts open as many files as it needs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * hosts + FILES_BESIDE_HOSTS), most))


def main() -> None:
    """Measure each number of hosts once, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--phases", action="store_true", help="print the dry run's own lines, too")
    given = parser.parse_args()
    allow(max(given.hosts))
    print(
        f"{'hosts':>5}  {'what':<20} {'wall':>9} {'x bare':>7} {'CPU':>9} {'CPU a host more':>16} {'memory':>9} {'output':>10}"
    )
    before: tuple[int, dict[str, Measured]] | None = None
    for hosts in sorted(given.hosts):
        found = rows(hosts)
        for what, one in found.items():
            slope = ""
            if before is not None:
                slope = f"{1000 * (one.cpu - before[1][what].cpu) / (hosts - before[0]):.1f} ms"
            ratio = one.wall / found["bare SSH"].wall
            print(
                f"{hosts:>5}  {what:<20} {one.wall:>7.2f} s {ratio:>7.1f} {one.cpu:>7.2f} s {slope:>16} {one.memory:>6.0f} MB"
                f" {len(one.out.encode()) / 1000:>7.1f} kB",
                flush=True,
            )
        if given.phases:
            print(found["deploy.py --dry-run"].out[:4000])
        before = (hosts, found)


if __name__ == "__main__":
    main()
