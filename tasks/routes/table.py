"""What a person reads of a verification: one screen for a healthy cluster, the causes first when it is not. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from kubepeer.checks import Finding
from kubepeer.phases import PhaseOutcome
from kubepeer.run import Run
from tasks.routes.seen import RibRoute, RouterSeen, shortened

LAYERS = ("bgp", "rib", "kernel")
SCREEN = 30  # more healthy prefixes than this are told in one line for all that are alike
PREFIX_WIDTH, HOPS_WIDTH = 18, 30
CODES = {"bgp": "B", "kernel": "K", "static": "S", "connected": "C", "ospf": "O", "rip": "R", "isis": "I", "local": "L"}


def show(console: Console, run: Run, outcomes: Sequence[PhaseOutcome]) -> None:
    """Print the table of every router that was asked; with --verbose its routes in FRR's own form as well."""
    answered = {name: host for outcome in outcomes for name, host in outcome.hosts.items() if host.findings}
    for router in run.intent.routers:
        if router.name not in answered:
            continue
        for line in route_table(router.name, router.as_number, answered[router.name].findings):
            console.print(line, soft_wrap=True, highlight=False)
        seen = run.recall(("routes seen", router.name))
        if run.options.verbose and isinstance(seen, RouterSeen):
            for text in seed_table(seen):
                console.print(Text(f"   {text}", style="dim"), soft_wrap=True)


def route_table(host: str, as_number: int, findings: Iterable[Finding]) -> list[Text]:
    """One router's sessions and prefixes, as lines."""
    findings = list(findings)
    sessions = [finding for finding in findings if finding.check == "session"]
    rows = _rows(finding for finding in findings if finding.layer in LAYERS and finding.check != "session")
    up = sum(finding.ok for finding in sessions)
    head = f" {host}  AS {as_number}  {up} of {len(sessions)} sessions established"
    lines = [Text(head, style="bold" if up == len(sessions) else "bold red")]
    lines += [
        _cause(finding)
        for finding in findings
        if not finding.ok and (finding.check == "session" or finding.layer not in LAYERS)
    ]
    lines.append(
        Text(f" {'prefix':<{PREFIX_WIDTH}}{'next hops':<{HOPS_WIDTH}}{'bgp':>5}{'rib':>5}{'kernel':>8}", style="dim")
    )
    bad = [row for row in rows.values() if not all(finding.ok for finding in row.values())]
    good = [row for row in rows.values() if all(finding.ok for finding in row.values())]
    return lines + [_line(row) for row in bad] + (_alike(good) if len(good) > SCREEN else [_line(row) for row in good])


def seed_table(seen: RouterSeen) -> list[str]:
    """The routes of the cluster's networks as FRR itself prints them: B>* 10.33.5.0/24 [20/0] via 10.31.90.1, eth0, weight 1, 2d19h22m."""
    lines: list[str] = []
    for prefix, routes in sorted(seen.rib.items()):
        for route in routes:
            lines += _as_frr(str(prefix), route)
    return lines


Row = Mapping[str, Finding]


def _rows(findings: Iterable[Finding]) -> dict[str, Row]:
    """The findings of each prefix by layer."""
    rows: dict[str, dict[str, Finding]] = {}
    for finding in findings:
        rows.setdefault(finding.subject, {})[finding.layer] = finding
    return dict(rows)


def _cause(finding: Finding) -> Text:
    return Text(f" x {finding.subject:<{PREFIX_WIDTH - 2}}{finding.reason}", style="red")


def _line(row: Row) -> Text:
    present = [row[layer] for layer in LAYERS if layer in row]
    ok = all(finding.ok for finding in present)
    hops = shortened(present[-1].observed)
    for word, attribute in (("missing", "missing"), ("unexpected", "unexpected")):
        different = {hop for finding in present for hop in getattr(finding, attribute)}
        hops += f"  {word} {shortened(different)}" if different else ""
    reason = "; ".join(dict.fromkeys(finding.reason for finding in present if not finding.ok and finding.reason))
    marks = f"{_mark(row, 'bgp'):>5}{_mark(row, 'rib'):>5}{_mark(row, 'kernel'):>8}"
    text = f" {present[0].subject:<{PREFIX_WIDTH}}{hops.strip():<{HOPS_WIDTH}}{marks}{'   ' + reason if reason else ''}"
    return Text(text, style="" if ok else "red")


def _mark(row: Row, layer: str) -> str:
    return "-" if layer not in row else "ok" if row[layer].ok else "x"


def _alike(rows: Sequence[Row]) -> list[Text]:
    """One line for all healthy prefixes of one length and number of next hops."""

    def kind(row: Row) -> tuple[int, str]:
        finding = next(iter(row.values()))
        return (len(finding.expected), finding.subject.rpartition("/")[2])

    lines: list[Text] = []
    for (hops, length), group in groupby(sorted(rows, key=kind), key=kind):
        count = len(list(group))
        what = f"{count} prefix{'es' if count > 1 else ''} /{length}"
        each = f"{hops} next hop{'s' if hops > 1 else ''} each"
        lines.append(Text(f" {what:<{PREFIX_WIDTH}}{each:<{HOPS_WIDTH}}{'ok':>5}{'ok':>5}{'ok':>8}"))
    return lines


def _as_frr(prefix: str, route: RibRoute) -> list[str]:
    chosen = ">" if route.selected else " "
    mark = "*" if route.selected and route.installed else " "
    head = f"{CODES.get(route.protocol, '?')}{chosen}{mark} {prefix} [{route.distance}/{route.metric}]"
    lines: list[str] = []
    for hop, interface, weight in route.lines or (("", "", None),):
        start = head if not lines else f"  {mark}".ljust(len(head))
        via = f"via {hop}, {interface}" if interface else hop
        lines.append(f"{start} {via}{f', weight {weight}' if weight else ''}, {route.uptime}")
    return lines
