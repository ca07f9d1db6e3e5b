"""A daemon whose running configuration is a file, to hold the shared half of a driver to its promises on any shell."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from napalm_unix_router.candidate import Candidate
from napalm_unix_router.driver import UnixRouterDriver
from napalm_unix_router.reasons import REFUSED, Reasons
from napalm_unix_router.scripts import Order, Scripts
from napalm_unix_router.testing.local import LocalRouter
from napalm_unix_router.transport import Output


@dataclass(frozen=True)
class Plan:
    """The file as it is, and as it should be."""

    standing: str
    wanted: str

    @property
    def is_empty(self) -> bool:
        return self.standing == self.wanted


class FiledDriver(UnixRouterDriver[Candidate, Plan]):
    """The driver; ``site`` holds the file, what the driver keeps, and the programs that the router has (``bin``)."""

    def __init__(self, site: Path, owner: str = "alice@desk") -> None:
        super().__init__("here", "root", "", optional_args={"owner": owner})
        self.site = site

    def open(self) -> None:
        self.device = LocalRouter(str(self.site / "bin" / "sh"))

    @property
    def _scripts(self) -> Scripts:
        return Scripts("filed", str(self.site / "kept"), {"site": str(self.site)})

    @property
    def _reasons(self) -> Reasons:
        return Reasons(str(self.site / "kept"), {}, lambda words: words.replace("hunter2", "********"))

    def _candidate_of(self, text: str, *, replaces: bool) -> Candidate:
        return Candidate(text, replaces)

    def _check(self, candidate: Candidate) -> None:
        output = self._router().run(self._scripts.script("check", files={"candidate": candidate.text}))
        if output.code == REFUSED:
            raise candidate.refusal(output.words)

    def _running(self) -> str:
        return (self.site / "running").read_bytes().decode(errors="replace")

    def _difference(self, candidate: Candidate) -> str:
        plan = self._plan(candidate)
        return "\n".join(unified_diff(plan.standing.splitlines(), plan.wanted.splitlines(), lineterm=""))

    def _plan(self, candidate: Candidate) -> Plan:
        standing = self._running()
        return Plan(standing, candidate.text if candidate.replaces else standing + candidate.text)

    def _order(self, candidate: Candidate, plan: Plan) -> Order:  # noqa: ARG002 (the plan has it)
        return Order(plan.standing, {"candidate": plan.wanted})

    def _refused(self, candidate: Candidate, plan: Plan, output: Output) -> str:  # noqa: ARG002 (it is said by the daemon)
        return output.words

    def _judge(self, plan: Plan, output: Output) -> None:
        assert self._running() == plan.wanted, output

    def _never_the_same(self, plan: Plan) -> str:
        return f"{len(plan.standing)} bytes keep changing"
