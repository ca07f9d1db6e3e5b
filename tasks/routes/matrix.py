"""Prefix by next hop, in every layer of one router: what is wrong row by row, what is right as short as it can be. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from ipaddress import ip_network

from kubepeer.checks import Finding
from kubepeer.page.drawing import MEANING, Cell, Glyph, Group, Mark, Matrix, Row, State
from tasks.platforms.hops import Hop, hops_in_order, shortened
from tasks.platforms.seen import RouterSeen
from tasks.routes.checks import LAYERS, REMARK
from tasks.routes.reasons import reason_of
from tasks.routes.rows import Row as OfPrefix
from tasks.routes.rows import alike, is_right, rows_of

COLUMNS = 32  # with more next hops only those that differ anywhere have one
WRONG_ROWS = 100  # with cells; more are lines
RIGHT_ROWS = 30  # more are told by groups
SHARES = 16  # next hops whose shares are drawn; more are told in words


def matrix(
    router: str, as_number: int | str, findings: Iterable[Finding], seen: RouterSeen | None, name: Callable[[Hop], str]
) -> Matrix:
    """All prefixes of a router.

    Args:
        router: its name.
        as_number: its AS, as it writes it.
        findings: about it.
        seen: what it had, for the weights of its equal paths; None: they are taken as equal.
        name: a next hop with the name of its node.

    """
    findings = list(findings)
    sessions = [finding for finding in findings if finding.check == "session"]
    table = rows_of(findings)
    wrong = [row for row in table if not is_right(row)]
    right = [row for row in table if is_right(row)]
    columns, others = _columns(wrong, table)
    up = sum(finding.observed == finding.expected for finding in sessions)
    said = f"{len(wrong)} of {len(table)} prefixes wrong" if wrong else f"{len(table)} prefixes right"
    state: State = "right" if all(finding.ok for finding in findings) else "wrong"

    def row(one: OfPrefix) -> Row:
        return _row(one, columns, seen, name, counted=others)

    few = len(right) <= RIGHT_ROWS
    return Matrix(
        router,
        f"AS {as_number} · {up} of {len(sessions)} sessions established · {said}",
        state,
        columns,
        tuple(map(name, columns)),
        tuple(map(row, wrong[:WRONG_ROWS])),
        tuple(map(row, right)) if few else (),
        (*_rest(wrong[WRONG_ROWS:]), *(() if few else _alike(right))),
        tuple(f"{one.subject}: {one.reason}" for one in findings if one.check == REMARK),
        others,
    )


def _columns(wrong: Sequence[OfPrefix], every: Iterable[OfPrefix]) -> tuple[tuple[Hop, ...], bool]:
    """The next hops that have a column, and whether there are others."""
    hops = {hop for row in every for finding in row.values() for hop in (*finding.expected, *finding.observed)}
    if len(hops) <= COLUMNS:
        return hops_in_order(hops), False
    different = {
        hop for row in wrong[:WRONG_ROWS] for finding in row.values() for hop in (*finding.missing, *finding.unexpected)
    }
    return hops_in_order(different)[:COLUMNS], True


def _row(
    row: OfPrefix, columns: Sequence[Hop], seen: RouterSeen | None, name: Callable[[Hop], str], *, counted: bool
) -> Row:
    findings = list(row.values())
    prefix, ok = findings[0].subject, all(finding.ok for finding in findings)
    used = findings[-1].observed
    others = set(used).difference(columns)
    shares = _shares(prefix, used, seen)
    return Row(
        prefix,
        "right" if ok else "wrong",
        tuple(_cell(prefix, row, hop, name) for hop in columns),
        (f"{len(others)} ✓" if others else "·") if counted else "",
        tuple(shares.values()) if len(shares) <= SHARES else (),
        _share_text(shares),
        "" if ok else reason_of(finding for finding in findings if not finding.ok),
    )


def _cell(prefix: str, row: OfPrefix, hop: Hop, name: Callable[[Hop], str]) -> Cell:
    marks = tuple(Mark(layer, _glyph(row.get(layer), hop)) for layer in LAYERS)
    glyphs = {mark.glyph for mark in marks}
    state: State = "wrong" if glyphs & {"✗", "+", "~"} else "right" if "✓" in glyphs else "unknown"
    if state != "wrong":  # its signs say all that there is to say
        return Cell(state, marks, "")
    said = ", ".join(f"{mark.layer} {MEANING[mark.glyph].partition(':')[0]}" for mark in marks)
    return Cell(state, marks, f"{prefix} by {name(hop)}: {said}")


def _glyph(finding: Finding | None, hop: Hop) -> Glyph:
    if finding is None:
        return "-"
    if hop in finding.missing:
        return "✗"
    if hop in finding.unexpected:
        return "+"
    if hop not in finding.observed:
        return "·"
    return "✓" if finding.ok or finding.missing or finding.unexpected else "~"


def _shares(prefix: str, used: Sequence[Hop], seen: RouterSeen | None) -> dict[Hop, float]:
    """Which part of the flows each next hop gets, in per cent: by the weights of the router's table, where it has any; else alike."""
    chosen = seen.chosen_rib(ip_network(prefix)) if seen else None
    weights = {hop: weight for hop, _, weight in chosen.lines if weight} if chosen else {}
    if weights.keys() != {*used}:
        weights = dict.fromkeys(used, 1)
    whole = sum(weights.values())
    return {hop: 100 * weights[hop] / whole for hop in hops_in_order(weights)}


def _share_text(shares: Mapping[Hop, float]) -> str:
    if not shares:
        return "none"
    each = {round(share, 1) for share in shares.values()}
    if len(each) == 1:
        return "all by one" if len(shares) == 1 else f"{each.pop()} % each of {len(shares)}"
    return ", ".join(f"{hop} {share:.1f} %" for hop, share in shares.items())


def _alike(rows: Collection[OfPrefix]) -> Iterable[Group]:
    """One group for all right prefixes of one length and number of next hops."""
    for what, each, found in alike(rows):
        yield Group(f"{what}, {each}: right", "\n".join(map(_line, found)))


def _rest(rows: Sequence[OfPrefix]) -> Iterable[Group]:
    """The wrong prefixes that are too many for cells, a line each."""
    if rows:
        yield Group(f"{len(rows)} more prefixes are wrong", "\n".join(map(_wrong_line, rows)), "wrong")


def _line(row: OfPrefix) -> str:
    findings = list(row.values())
    return f"{findings[0].subject:<20} {shortened(findings[0].observed)}"


def _wrong_line(row: OfPrefix) -> str:
    wrong = [finding for finding in row.values() if not finding.ok]
    missing, unexpected = (
        shortened({hop for finding in wrong for hop in getattr(finding, word)}) for word in ("missing", "unexpected")
    )
    differs = f"{f'missing {missing}' if missing else ''} {f'unexpected {unexpected}' if unexpected else ''}".strip()
    layers = ", ".join(finding.layer for finding in wrong)
    return f"✗ {wrong[0].subject:<20} {differs} ({layers}): {reason_of(wrong)}"
