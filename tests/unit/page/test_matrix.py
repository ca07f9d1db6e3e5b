"""Prefix by next hop: what stands in each cell, how flows are shared, and what is folded where there is much."""

from ipaddress import ip_network
from typing import Any

import pytest

from kubepeer.checks import Finding
from kubepeer.page.drawing import Matrix, Row
from tasks.platforms.seen import RibRoute, RouterSeen
from tasks.routes.checks import LAYERS, REMARK
from tasks.routes.matrix import COLUMNS, RIGHT_ROWS, WRONG_ROWS, matrix
from tests.unit.page.reported import judged


def drawn(recording: str) -> Matrix:
    findings, seen = judged("r", recording)
    return matrix("r", 64512, findings, seen, str)


def signs(row: Row) -> str:
    return " ".join("".join(mark.glyph for mark in cell.marks) for cell in row.cells)


NOTHING, ALL = "···", "✓✓✓"
ROWS = {
    "healthy": {"10.33.5.0/24": f"{ALL} {' '.join([NOTHING] * 5)}", "10.33.128.0/18": " ".join([ALL] * 6)},
    "daemon-down": {"10.33.93.0/24": f"{' '.join([NOTHING] * 5)} ✗✗✗", "10.33.128.0/18": f"{' '.join([ALL] * 5)} ✗✗✗"},
    "hand-made-kernel-route": {"10.33.5.0/24": f"✓✗✗ ·++ {' '.join([NOTHING] * 4)}"},
    "replaced-in-kernel": {"10.33.93.0/24": f"{' '.join([NOTHING] * 4)} ··+ ✓✓✗"},
    "killed": {"10.33.93.0/24": f"{' '.join([NOTHING] * 5)} ~~~"},
    "leftover-block": {"10.33.77.0/24": f"{NOTHING} +++ {' '.join([NOTHING] * 4)}"},
}


@pytest.mark.parametrize("recording", ROWS)
def test_the_signs_of_a_row_are(recording: str) -> None:
    shown = drawn(recording)
    rows = {row.prefix: signs(row) for row in (*shown.wrong, *shown.right)}
    assert {prefix: rows[prefix] for prefix in ROWS[recording]} == ROWS[recording]


def test_a_wrong_cell_says_in_words_what_its_signs_say() -> None:
    (row,) = drawn("replaced-in-kernel").wrong
    assert [cell.says for cell in row.cells if cell.says] == [
        "10.33.93.0/24 by 10.31.90.5: bgp not expected, not there, rib not expected, not there, kernel unexpected",
        "10.33.93.0/24 by 10.31.90.6: bgp as expected, rib as expected, kernel missing",
    ]


def test_the_title_counts_sessions_and_prefixes() -> None:
    assert drawn("daemon-down").title == "AS 64512 · 5 of 6 sessions established · 3 of 8 prefixes wrong"
    assert drawn("healthy").title == "AS 64512 · 6 of 6 sessions established · 8 prefixes right"


def prefix(subject: str, hops: tuple[str, ...], *, ok: bool = True) -> list[Finding]:
    return [
        Finding(
            "r", check, subject, layer, ok, hops, hops if ok else (), () if ok else hops, reason="" if ok else "gone"
        )
        for layer, check in LAYERS.items()
    ]


def weighted(*lines: tuple[str, int | None]) -> RouterSeen:
    hops = frozenset(hop for hop, _ in lines)
    route = RibRoute("bgp", 20, 0, hops, selected=True, lines=tuple((hop, "eth0", weight) for hop, weight in lines))
    return RouterSeen(rib={ip_network("10.33.128.0/18"): (route,)})


SHARES: list[tuple[RouterSeen | None, str, list[float]]] = [
    (None, "50.0 % each of 2", [50, 50]),
    (weighted(("10.1.1.1", 1), ("10.1.1.2", 1)), "50.0 % each of 2", [50, 50]),
    (weighted(("10.1.1.1", 3), ("10.1.1.2", 1)), "10.1.1.1 75.0 %, 10.1.1.2 25.0 %", [75, 25]),
    (weighted(("10.1.1.1", None), ("10.1.1.2", None)), "50.0 % each of 2", [50, 50]),
    (
        weighted(("10.9.9.9", 3), ("10.1.1.2", 1)),
        "50.0 % each of 2",
        [50, 50],
    ),  # the kernel has others: its weights are not known
]


@pytest.mark.parametrize(("seen", "said", "shares"), SHARES)
def test_flows_are_shared_by_weight_where_the_router_has_weights(seen: Any, said: str, shares: list[float]) -> None:
    (row,) = matrix("r", 1, prefix("10.33.128.0/18", ("10.1.1.1", "10.1.1.2")), seen, str).right
    assert (row.share_text, list(row.shares)) == (said, shares)


def test_many_right_prefixes_are_one_group_with_a_line_each() -> None:
    subjects = [f"10.33.{number}.0/24" for number in range(RIGHT_ROWS + 1)]
    findings = [one for subject in subjects for one in prefix(subject, ("10.1.1.1",))]
    shown = matrix("r", 1, findings, None, str)
    (group,) = shown.groups
    assert (shown.right, group.title) == ((), f"{RIGHT_ROWS + 1} prefixes /24, 1 next hop each: right")
    assert [line.split() for line in group.text.splitlines()] == [[subject, "10.1.1.1"] for subject in subjects]


def test_of_many_wrong_prefixes_the_first_have_cells_and_the_others_a_line() -> None:
    findings = [
        one for number in range(WRONG_ROWS + 2) for one in prefix(f"10.{number}.0.0/24", ("10.1.1.1",), ok=False)
    ]
    shown = matrix("r", 1, findings, None, str)
    (group,) = shown.groups
    assert (len(shown.wrong), group.state) == (WRONG_ROWS, "wrong")
    assert (
        group.text.splitlines()[1].split()
        == f"✗ 10.{WRONG_ROWS + 1}.0.0/24 missing 10.1.1.1 (bgp, rib, kernel): gone".split()
    )


def test_of_many_next_hops_those_that_differ_have_a_column_and_the_others_are_counted() -> None:
    hops = tuple(f"10.1.{number}.1" for number in range(COLUMNS + 8))
    findings = [
        Finding(
            "r",
            check,
            "10.33.128.0/18",
            layer,
            ok=False,
            expected=hops,
            observed=hops[1:],
            missing=hops[:1],
            reason="gone",
        )
        for layer, check in LAYERS.items()
    ]
    shown = matrix("r", 1, findings, None, str)
    (row,) = shown.wrong
    assert (shown.columns, signs(row), row.others) == (hops[:1], "✗✗✗", f"{COLUMNS + 7} ✓")
    assert row.shares == ()


def test_a_layer_that_was_not_read_is_no_missing_next_hop() -> None:
    findings = [finding for finding in prefix("10.33.5.0/24", ("10.1.1.1",)) if finding.layer != "kernel"]
    (row,) = matrix("r", 1, findings, None, str).right
    assert (signs(row), row.cells[0].state) == ("✓✓-", "right")


def test_remarks_stand_below() -> None:
    remark = Finding("r", REMARK, "kernel", "bgp", ok=True, reason="read by another program")
    assert matrix("r", 1, [remark], None, str).remarks == ("kernel: read by another program",)
