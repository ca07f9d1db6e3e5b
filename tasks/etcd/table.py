"""What etcd.py tells: a line a member, and what is wrong; the same as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.certificates.table import show_findings
from tasks.control_plane.etcd_state import EtcdState, mib, quota_of
from tasks.etcd.plan import leader_last, order
from tasks.etcd.tasks import NOW, STATE

HEAD = ("member", "", "version", "size", "in use", "free", "quota", "alarms")


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """The order of a defragmentation, the table, and what is wrong."""
    state = run.recall(NOW)
    before = run.recall(STATE)
    if run.options.further["defragment"] and before is not None:
        console.print(f" one after the other: {', '.join(order(run.intent, before))}", highlight=False, soft_wrap=True)
    if state is not None:
        for line in rows(run, state):
            console.print(line, soft_wrap=True, highlight=False)
    show_findings(console, outcomes)


def turns(run: Run, hosts: Sequence[str]) -> Sequence[Sequence[str]]:
    """The control planes one by one, the leader's last."""
    state = run.recall(STATE)
    return leader_last(order(run.intent, state) if state else [], hosts)


def rows(run: Run, state: EtcdState) -> Iterator[Text]:
    """The table's lines."""
    cells = [HEAD, *(_cells(run, state, number) for number in range(len(state.members)))]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    for number, row in enumerate(cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield Text(f"   {text}", style="" if number else "dim")


def _cells(run: Run, state: EtcdState, number: int) -> tuple[str, ...]:
    member = state.members[number]
    status = state.statuses.get(member.identity)
    alarms = ", ".join(name for identity, name in state.alarms if identity == member.identity)
    if status is None:
        return (str(member), "silent", "", "", "", "", "", alarms)
    role = "leader" if status.leader == member.identity else "learner" if member.learner else ""
    free = f"{100 * status.loose / status.size:.0f} %" if status.size else ""
    sizes = (mib(status.size), mib(status.used), free, mib(quota_of(run.intent, status)))
    return (str(member), role, status.version, *sizes, alarms)


def tell(run: Run) -> dict[str, Any]:
    """The same for --output json, in bytes."""
    state = run.recall(NOW)
    return {"members": [] if state is None else [_told(run, state, number) for number in range(len(state.members))]}


def _told(run: Run, state: EtcdState, number: int) -> dict[str, Any]:
    member = state.members[number]
    status = state.statuses.get(member.identity)
    return {
        "member": str(member),
        "answers": member.running,
        "learner": member.learner,
        "leader": status is not None and status.leader == member.identity,
        "version": status.version if status else None,
        "size": status.size if status else None,
        "in_use": status.used if status else None,
        "quota": quota_of(run.intent, status) if status else None,
        "alarms": [name for identity, name in state.alarms if identity == member.identity],
    }
