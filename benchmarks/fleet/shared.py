"""What workers take off the controller: Observe and the plans of Prepare nodes, in threads, on one worker and on two.

    python -m benchmarks.fleet.shared [--hosts 100 400] [--workers 1 2]

All processes share this machine's cores; so the seconds on the clock say little, and those of the processor are what counts: with a
core for each process a run takes as long as the busiest of them. `halved` is how much less the busiest worker has to do than the only
one had to. A worker's session (its inventory is read and compared) is counted with it; its start, and a first run on one host, are not.
"""

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet.__main__ import allow, measured, project
from benchmarks.fleet.workers import serving

TICKS = os.sysconf("SC_CLK_TCK")
PASSED = re.compile(r"(\d+) calls, (\d+) bytes to the workers and (\d+) back")


@dataclass(frozen=True)
class Row:
    """One run; seconds of the processor but for the first.

    Attributes:
        memory: the most that the controller had, in MB.
        passed: calls, bytes to the workers and bytes back.

    """

    wall: float
    controller: float
    memory: float
    scheduler: float = 0.0
    workers: tuple[float, ...] = ()
    passed: tuple[int, int, int] = (0, 0, 0)


def used(pid: int) -> float:
    """Seconds of the processor that a process has had (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def in_threads(folder: Path) -> Row:
    """As the project's config.yaml has it."""
    one = measured(_command(folder / "config.yaml"), folder)
    return Row(one.wall, one.cpu, one.memory)


def on_workers(folder: Path, count: int) -> Row:
    """On so many workers."""
    with serving(folder, count) as running:
        every = [running.scheduler.pid, *(worker.pid for worker in running.workers)]
        measured([*_command(running.config), "--host", "node-00000"], folder)
        before = [used(pid) for pid in every]
        one = measured(_command(running.config), folder)
        scheduler, *workers = (used(pid) - was for pid, was in zip(every, before, strict=True))
    passed = PASSED.search((folder / "err").read_text(encoding="utf-8"))
    if passed is None:
        raise SystemExit("the run has not used the workers")
    calls, out, back = map(int, passed.groups())
    return Row(one.wall, one.cpu, one.memory, scheduler, tuple(workers), (calls, out, back))


def _command(config: Path) -> list[str | Path]:
    return ["-m", "benchmarks.fleet.apart", "--config", config, "--dry-run"]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    allow(max(given.hosts))
    print(
        f"{'hosts':>5}  {'run':<10} {'wall':>8} {'controller':>11} {'memory':>8} {'scheduler':>10} {'busiest worker':>15} {'halved':>7}"
        f" {'calls':>6} {'out':>8} {'back':>9}"
    )
    for hosts in sorted(given.hosts):
        with project(hosts) as folder:
            rows = {"threads": in_threads(folder)}
            rows |= {f"{count} worker{'s' * (count > 1)}": on_workers(folder, count) for count in given.workers}
        alone = max(rows["1 worker"].workers, default=0.0) if "1 worker" in rows else 0.0
        for what, row in rows.items():
            busiest = max(row.workers, default=0.0)
            ratio = f"{alone / busiest:.2f}" if busiest and alone else ""
            calls, out, back = row.passed
            print(
                f"{hosts:>5}  {what:<10} {row.wall:>6.1f} s {row.controller:>9.2f} s {row.memory:>5.0f} MB {row.scheduler:>8.2f} s"
                f" {busiest:>13.2f} s {ratio:>7} {calls:>6} {out / 1000:>5.0f} kB {back / 1000:>6.0f} kB",
                flush=True,
            )


if __name__ == "__main__":
    main()
