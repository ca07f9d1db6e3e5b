"""The table that stands below the changes while routers are watched on a terminal. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from kubepeer.checks import Finding
from tasks.routes.table import route_table

SLOW_SECONDS = 2.0  # an answer that is not there by then is told


@dataclass(frozen=True)
class Standing:
    """A router as it was seen last.

    Attributes:
        as_number: its own, as it writes it.
        findings: of the last time that it could be read; None before the first.
        problem: why it cannot be read now; "" where it can.
        asked: when it was asked last, by the monotonic clock; None before the first time.
        answered: when it had answered last.
        interval: seconds between two questions.

    """

    name: str
    as_number: int | str
    findings: tuple[Finding, ...] | None = None
    problem: str = ""
    asked: float | None = None
    answered: float | None = None
    interval: float = 0.0


def table(routers: Sequence[Standing], api: str, now: float, columns: int, lines: int) -> list[Text]:
    """The state of all routers, as many lines as there is room for: what is wrong before what is right.

    Args:
        routers: in the inventory's order.
        api: what there is to say of the API.
        now: by the monotonic clock.
        columns: of the terminal.
        lines: of it.

    """
    head = Text(f" {_head(routers)}; {api} · Ctrl-C ends", style="dim", no_wrap=True, overflow="ellipsis")
    for brief in (False, True):
        shown = [head, *(line for router in routers for line in _of_router(router, now, columns, brief=brief))]
        if len(shown) <= lines:
            return shown
    wrong = [router for router in routers if not _is_well(router)]
    well = len(routers) - len(wrong)
    shown = [head, Text(f" {well} routers are well", style="bold"), *(_title(router) for router in wrong)]
    return shown if len(shown) <= lines else [*shown[: lines - 1], Text(f" ... and {len(shown) - lines + 1} more")]


def _head(routers: Sequence[Standing]) -> str:
    longest = max((router.interval for router in routers), default=0.0)
    plural = "" if len(routers) == 1 else "s"
    return f"watching {len(routers)} router{plural}" + (f", each every {longest:.1f} s" if longest else "")


def _is_well(router: Standing) -> bool:
    return not router.problem and router.findings is not None and all(finding.ok for finding in router.findings)


def _of_router(router: Standing, now: float, columns: int, *, brief: bool) -> Iterable[Text]:
    if router.problem or router.findings is None:
        return [_title(router)]
    wanted = [finding for finding in router.findings if not brief or not finding.ok or finding.check == "session"]
    lines = route_table(router.name, router.as_number, wanted, columns)
    if brief and len(lines) == 2:  # noqa: PLR2004  its own line, and the title of a table of nothing
        del lines[1]
    waits = now - router.asked if router.asked is not None and router.asked > (router.answered or 0.0) else 0.0
    if waits > SLOW_SECONDS:
        lines[0].append(f"  no answer for {waits:.0f} s", style="red")
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _title(router: Standing) -> Text:
    said = router.problem or ("is asked for the first time" if router.findings is None else "is not as it should be")
    style = "bold red" if router.problem or router.findings is not None else "dim"
    return Text(f" {router.name}  {said}", style=style, no_wrap=True, overflow="ellipsis")
