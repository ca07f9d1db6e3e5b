"""What rotate_passwords.py tells beside its phases: the order, with what each of them still needs."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.rotation.exchange import DOWN_SECONDS
from tasks.rotation.look import NODES_CHANGE, ROUTER_CHANGES
from tasks.rotation.selection import HOLDER, holder_last, routers, virtual_routers
from tasks.rotation.virtual_router import OLD_FILE
from tasks.routes import table


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """The order, and the routes as verify_routes.py tells them; before a dry run has an end nothing is verified."""
    for line in lines(run):
        console.print(f" {line}", highlight=False, soft_wrap=True)
    if not run.options.dry_run:
        table.show(console, run, outcomes)


def lines(run: Run) -> Iterator[str]:
    """A line for each router and one for keepalived."""
    number = 0
    for number, name in enumerate(routers(run), start=1):
        if (of_router := run.recall(ROUTER_CHANGES, of=name)) is None:
            continue  # it was not looked at
        ends = ["the router"] if of_router else []
        ends += ["its nodes"] if run.recall(NODES_CHANGE, of=name) else []
        seconds = run.recall(DOWN_SECONDS, of=name)
        down = "" if seconds is None else f", sessions up again after {seconds:.1f} s"
        yield f"{number}. {name}: {' and '.join(ends) or 'nothing to change'}{down}"
    hosts = [turn[0] for turn in holder_last(run, list(virtual_routers(run)))]
    holder = run.recall(HOLDER)
    if hosts and holder:
        old = [name for name in hosts if run.recall(OLD_FILE, of=name)]
        what = f"reload on all at once, then the pods of {', '.join(old)}" if old else "nothing to change"
        yield f"{number + 1}. keepalived: {what}"
