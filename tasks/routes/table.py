"""What a person reads of a verification: one screen for a healthy cluster, the causes first when it is not."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from kubepeer.checks import Finding
from kubepeer.intent.between_nodes import way
from kubepeer.intent.families import by_number
from kubepeer.outcome import PhaseOutcome
from kubepeer.run import Run
from tasks.control_plane import holders
from tasks.platforms.hops import shortened
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.seen import RibRoute, RouterSeen
from tasks.routes import node_routes
from tasks.routes.checks import REMARK
from tasks.routes.left import SEEN
from tasks.routes.reasons import reason_of
from tasks.routes.rows import Row, alike, is_right, of_other_checks, rows_of

if TYPE_CHECKING:
    from kubepeer.page.document import Routes

LAYERS = ("bgp", "rib", "kernel")
SCREEN = 30  # more healthy prefixes than this are told in one line for all that are alike
PREFIX_WIDTH, HOPS_WIDTH, HOPS_LIMIT = 18, 28, 60
WIDE = 70  # columns, from which the usual table has room
MARKS = "{:<5}{:<5}{:<6}"
CODES = {"bgp": "B", "kernel": "K", "static": "S", "connected": "C", "ospf": "O", "rip": "R", "isis": "I", "local": "L"}


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """Print the table of every router that was asked; with --verbose its routes in the form of `show ip route` as well."""
    for line in holders.lines(outcomes):
        console.print(line, soft_wrap=True, highlight=False)
    answered = {name: host for outcome in outcomes for name, host in outcome.hosts.items() if host.findings}
    for line in node_routes.lines(outcomes, way(run.intent, PLATFORMS)) if answered else ():
        console.print(line, soft_wrap=True, highlight=False)
    for router in run.intent.routers:
        if router.name not in answered or answered[router.name].error is not None:
            continue
        seen = run.recall(SEEN, of=router.name)
        as_number = (seen and seen.as_shown) or router.as_number
        for line in route_table(router.name, as_number, answered[router.name].findings, console.width):
            console.print(line, soft_wrap=True, highlight=False)
        if run.options.verbose and seen is not None:
            for text in seed_table(seen):
                console.print(Text(f"   {text}", style="dim"), soft_wrap=True)


def describe(run: Run, outcomes: Sequence[PhaseOutcome]) -> "Routes":
    """The same for the web page of --report."""
    from tasks.routes.page import described  # noqa: PLC0415  few runs write one

    return described(run, outcomes)


def route_table(host: str, as_number: int | str, findings: Iterable[Finding], terminal: int = WIDE) -> list[Text]:
    """One router's sessions and prefixes, as lines.

    Args:
        host: the router.
        as_number: its own.
        findings: about it.
        terminal: its width; in a narrow one the columns are as wide as what is in them.

    """
    findings = list(findings)
    sessions = [finding for finding in findings if finding.check == "session"]
    remarks = [finding for finding in findings if finding.check == REMARK]
    rows = rows_of(findings)
    up = sum(finding.observed == finding.expected for finding in sessions)
    lost = [(finding.subject, finding.reason) for finding in sessions if not finding.ok]
    lost += [(what, finding.reason) for what, finding in of_other_checks(findings)]
    bad = [row for row in rows if not is_right(row)]
    good = [row for row in rows if is_right(row)]
    each = good if len(good) <= SCREEN else []
    wide = [_hops(row) for row in bad] + [hops for row in each if " by " in (hops := _hops(row))]
    least = HOPS_WIDTH
    if terminal < WIDE:
        wide += [_hops(row) for row in each]
        least = len("64 next hops each ")
    width = min(HOPS_LIMIT, max([least, *(len(hops) + 2 for hops in wide)]))
    column = max(
        [PREFIX_WIDTH, *(len(finding.subject) + 1 for finding in findings if ":" in finding.subject)]
    )  # of IPv6
    head = f" {host}  AS {as_number}  {up} of {len(sessions)} sessions established"
    title = f" {'prefix':<{column}}{'next hops':<{width}}{MARKS.format('bgp', 'rib', 'kernel')}"
    return [
        Text(head, style="bold red" if lost or bad else "bold"),
        *(Text(f" x {subject:<{column - 3}} {reason}", style="red") for subject, reason in lost),
        *(Text(f" > {cause}: {cure}", style="yellow") for cause, cure in _cures(findings)),
        Text(title, style="dim"),
        *(_line(row, column, width) for row in bad),
        *(_alike(good, column, width) if len(good) > SCREEN else [_line(row, column, width) for row in good]),
        *(Text(f" i {finding.subject:<{column - 3}} {finding.reason}", style="dim") for finding in remarks),
    ]


def _cures(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """What is to be done about each cause that is proved; of one that several have, what it says of the first."""
    cures: dict[str, str] = {}
    for finding in findings:
        if finding.cause and not finding.ok:
            cures.setdefault(finding.cause, finding.cure)
    return list(cures.items())


def seed_table(seen: RouterSeen) -> list[str]:
    """The routes of the cluster's networks as the tutorial shows them: B>* 10.33.5.0/24 [20/0] via 10.31.90.1, eth0, weight 1, 2d19h22m."""
    lines: list[str] = []
    for prefix, routes in sorted(seen.rib.items(), key=lambda item: by_number(item[0])):
        for route in routes:
            lines += _as_shown(str(prefix), route)
    return lines


def _line(row: Row, column: int, width: int) -> Text:
    wrong = [finding for finding in row.values() if not finding.ok]
    subject = next(iter(row.values())).subject
    marks = MARKS.format(*(_mark(row, layer) for layer in LAYERS))
    text = f" {subject:<{column}}{_hops(row):<{width}}{marks}   {reason_of(wrong)}".rstrip()
    return Text(text, style="red" if wrong else "")


def _hops(row: Row) -> str:
    """What the lowest layer has, and what differs in any. Where the kernel has other gateways than BGP has next hops, both."""
    findings = list(row.values())
    first, last = findings[0], findings[-1]
    cells = [shortened(set(last.observed) - set(last.unexpected))]
    announced = shortened(set(first.observed) - set(first.unexpected))
    if cells[0] and announced and set(last.expected) != set(first.expected):
        cells = [f"{announced} by {cells[0]}"]
    for word in ("missing", "unexpected"):
        different = {hop for finding in findings for hop in getattr(finding, word)}
        cells.append(f"{word} {shortened(different)}" if different else "")
    return "  ".join(cell for cell in cells if cell)


def _mark(row: Row, layer: str) -> str:
    return "-" if layer not in row else "ok" if row[layer].ok else "x"


def _alike(rows: Sequence[Row], column: int, width: int) -> list[Text]:
    """One line for all healthy prefixes of one length and number of next hops."""
    marks = MARKS.format("ok", "ok", "ok")
    return [Text(f" {what:<{column}}{each:<{width}}{marks}".rstrip()) for what, each, _ in alike(rows)]


def _as_shown(prefix: str, route: RibRoute) -> list[str]:
    chosen = ">" if route.selected else " "
    mark = "*" if route.selected and route.installed else " "
    head = f"{CODES.get(route.protocol, '?')}{chosen}{mark} {prefix} [{route.distance}/{route.metric}]"
    lines: list[str] = []
    for hop, interface, weight in route.lines or (("", "", None),):
        start = head if not lines else f"  {mark}".ljust(len(head))
        via = f"via {hop}, {interface}" if interface else f"via {hop}" if hop.endswith(" (recursive)") else hop
        lines.append(f"{start} {via}{f', weight {weight}' if weight else ''}, {route.uptime}")
    return lines
