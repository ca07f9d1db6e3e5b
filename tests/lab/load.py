"""The load of a client during a drain, and the verdict on it: what was lost, and what was open when the next hops changed."""

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from lab.topology import machine
from tests.lab import load_program
from tests.lab.laboratory import Laboratory, wait_for

CLIENT, ROUTER = "client", "openwrt"  # the client is behind this router: its next hops decide where a connection enters
PROGRAM = Path(load_program.__file__)
OUTCOMES = ("answered", "refused", "unreachable", "unanswered", "broken", "silent")
LOST = ("refused", "unreachable", "unanswered")
ENDS_SECONDS = 60  # an attempt that has begun may take 35 s
# Around the moment at which `ip monitor` wrote the change down: the kernel tells after it has done it, and a busy machine writes late
MARGIN_SECONDS = 1.0
STAMP = re.compile(r"\[(\d{4}-\d\d-\d\dT[\d:.]+)\] (?:\[ROUTE\])?(Deleted )?(\S+) ")


@dataclass(frozen=True)
class Attempt:
    """One connection of the client; times are those of the host's clock."""

    began: float
    connected: float
    ended: float
    outcome: str
    retransmitted: int

    @property
    def lost(self) -> bool:
        """Whether nobody took the connection."""
        return self.outcome in LOST

    def open_at(self, moment: float) -> bool:
        """Whether it was open about then."""
        return self.began - MARGIN_SECONDS <= moment <= self.ended + MARGIN_SECONDS


@dataclass(frozen=True)
class Verdict:
    """What came of all attempts.

    Attributes:
        lost: nobody took the connection: it was refused, or nobody answered its SYN.
        moved: of each change of next hops, the connections that were open about then and broke.
        broken: those that broke at another time.

    """

    attempts: int
    lost: tuple[Attempt, ...]
    moved: tuple[tuple[Attempt, ...], ...]
    broken: tuple[Attempt, ...]
    retransmitted: int
    left_out: int
    open_on_average: float

    def __str__(self) -> str:
        moved = " + ".join(str(len(one)) for one in self.moved) or "0"
        return (
            f"{self.attempts} attempts: {len(self.lost)} refused or unanswered; {moved} of those open at a change of next hops broke; "
            f"{len(self.broken)} broke at other times; {self.retransmitted} sent a SYN twice; {self.left_out} were left out"
        )


def judge(attempts: Iterable[Attempt], changes: Sequence[float], left_out: int = 0) -> Verdict:
    """Tell the attempts apart: a connection that broke belongs to the change that it was open at."""
    every = list(attempts)
    moved: list[list[Attempt]] = [[] for _ in changes]
    elsewhere = []
    for attempt in every:
        if attempt.lost or attempt.outcome == "answered":
            continue
        of = next((number for number, moment in enumerate(changes) if attempt.open_at(moment)), None)
        (elsewhere if of is None else moved[of]).append(attempt)
    return Verdict(
        len(every),
        tuple(attempt for attempt in every if attempt.lost),
        tuple(map(tuple, moved)),
        tuple(elsewhere),
        sum(attempt.retransmitted > 0 for attempt in every),
        left_out,
        _open_on_average(every),
    )


def _open_on_average(every: Sequence[Attempt]) -> float:
    """How many connections were open at any moment: the sum of their lives over the time of all (Little's law)."""
    if not every:
        return 0.0
    whole = max(one.ended for one in every) - min(one.began for one in every)
    return sum(one.ended - one.began for one in every if not one.lost) / whole if whole else 0.0


def changes_of(text: str, prefix: str) -> list[float]:
    """When a prefix's route changed, from `ip -ts monitor route`: a multipath route is several lines of the same moment, one change."""
    moments = [
        datetime.fromisoformat(found[1]).astimezone().timestamp()
        for line in text.splitlines()
        if (found := STAMP.match(line)) and found[3] == prefix
    ]
    return [
        moment for number, moment in enumerate(moments) if not number or moment - moments[number - 1] > MARGIN_SECONDS
    ]


class Load:
    """A client at work, and the router's kernel watched: with it as a block, or stopped by hand."""

    def __init__(self, lab: Laboratory, folder: Path, address: str, prefix: str, *, rate: int, seconds: int) -> None:
        self._lab, self._prefix = lab, prefix
        self._file = "/root/kubepeer-load"
        self._monitor_file = folder / "monitor"
        program = PROGRAM.read_text(encoding="utf-8")
        self._start = (
            f"rm -f {self._file}*\ncat >{self._file}.py <<'END OF THE PROGRAM'\n{program}\nEND OF THE PROGRAM\n"
            f"setsid python3 {self._file}.py {address} 80 {rate} {seconds} {self._file}.json >{self._file}.log 2>&1 </dev/null &\n"
            f"echo $! >{self._file}.pid"
        )

    def __enter__(self) -> Self:
        namespace = self._lab.instance.namespace(machine(ROUTER) or _never())
        self._log = self._monitor_file.open("w", encoding="utf-8")
        self._monitor = subprocess.Popen(
            ["ip", "-n", namespace, "-ts", "monitor", "route"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._lab.inside(CLIENT, self._start)
        return self

    def stop(self) -> Verdict:
        """End the load, when the last attempts have ended; what came of it."""
        self._lab.inside(CLIENT, f"kill -TERM $(cat {self._file}.pid) 2>/dev/null; true")
        found = wait_for("the load has ended", self._report, ENDS_SECONDS)
        self._monitor.terminate()
        self._monitor.wait(timeout=10)
        changes = changes_of(self._monitor_file.read_text(encoding="utf-8"), self._prefix)
        attempts = [Attempt(*one[:3], OUTCOMES[one[3]], one[4]) for one in found["attempts"]]
        return judge(attempts, changes, found["left_out"])

    def _report(self) -> Any:
        done = self._lab.try_inside(
            CLIENT, f"cat {self._file}.json 2>/dev/null || cat {self._file}.log >&2", deadline=60
        )
        assert not done.stderr, done.stderr
        return json.loads(done.stdout)

    def __exit__(self, *_: object) -> None:
        self._lab.try_inside(CLIENT, f"kill -KILL $(cat {self._file}.pid) 2>/dev/null; rm -f {self._file}*")
        if self._monitor.poll() is None:
            self._monitor.kill()
            self._monitor.wait(timeout=10)
        self._log.close()


def _never() -> Any:
    raise AssertionError(f"the lab has no {ROUTER}")
