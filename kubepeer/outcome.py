"""What a phase did, on each of its hosts. Pure."""

from dataclasses import dataclass, field

from kubepeer.change import Change
from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError

NOTHING_CHOSEN = "nothing chosen"


@dataclass(frozen=True)
class HostOutcome:
    """What a phase did on one host; `waited`: it did not hold at once, and was asked again."""

    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    summary: str = ""
    error: KubepeerError | BaseException | None = None
    failed: bool = False
    skipped: bool = False
    waited: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was changed, or would be."""
        return bool(self.changes)


@dataclass(frozen=True)
class PhaseOutcome:
    """What a phase did; `began` is how many seconds after the first phase of the run it did."""

    title: str
    seconds: float
    hosts: dict[str, HostOutcome] = field(default_factory=dict)
    together: bool = False
    skipped_because: str = ""
    began: float = 0.0

    def changes_together(self) -> dict[Change, list[str]]:
        """Every change with the hosts that it is the same for."""
        together: dict[Change, list[str]] = {}
        for name, host in self.hosts.items():
            for change in host.changes:
                together.setdefault(change, []).append(name)
        return together
