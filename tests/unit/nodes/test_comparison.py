"""Nodes side by side: what an index says is what the comparison of all pairs says, in the same order."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.nodes.comparison import Compared, listed
from tasks.nodes.facts import HOST_KEY, MACHINE_ID, PRODUCT_UUID, NodeFacts
from tasks.nodes.systems import System

KINDS = (PRODUCT_UUID, MACHINE_ID, HOST_KEY)
BLANK = NodeFacts(
    system=System("debian", version="12"), cpus=2, memory_mb=4096, free_mb=20_000, addresses=frozenset(),
    macs=frozenset(), clock_offset=0, clock_doubt=0, loadable=frozenset(), listening={}, member=False, joining=False,
    prepared=False, read_only=False, kernel="6.12", kubernetes="", containerd="", cgroups="cgroup2fs",
    resolver=("/etc/resolv.conf", ()), lacking=frozenset(),
)  # fmt: skip
FEW_VALUES = st.frozensets(st.sampled_from("abc"), max_size=2)
FACTS = st.builds(
    lambda macs, identity, member, offset, doubt: replace(
        BLANK, macs=macs, identity=identity, member=member, clock_offset=offset, clock_doubt=doubt
    ),
    FEW_VALUES,
    st.dictionaries(st.sampled_from(KINDS), FEW_VALUES),
    st.booleans(),
    st.floats(-100, 100),
    st.floats(0, 10),
)


def all_pairs(every: dict[str, NodeFacts], name: str, kind: str | None) -> list[str]:
    """The others that share something, each pair looked at."""
    own = every[name]
    if kind is None:
        return [other for other, facts in every.items() if other != name and own.macs & facts.macs]
    return [
        other
        for other, facts in every.items()
        if other != name
        and own.identity.get(kind, frozenset()) & facts.identity.get(kind, frozenset())
        and not (own.member and facts.member)
    ]


@given(st.lists(FACTS, min_size=1, max_size=7))
@settings(max_examples=200, deadline=None)
def test_the_index_finds_what_all_pairs_find(found: list[NodeFacts]) -> None:
    every = {f"node-{number}": facts for number, facts in enumerate(found)}
    compared = Compared.of(every)
    for name in every:
        assert compared.same_mac(name) == all_pairs(every, name, None)
        for kind in KINDS:
            assert compared.same_identity(name, kind) == all_pairs(every, name, kind)
    assert compared.macs == frozenset().union(*(facts.macs for facts in found))
    assert compared.doubt == max(facts.clock_doubt for facts in found)


@pytest.mark.parametrize(("offsets", "median"), [([5], 5), ([1, 9], 5), ([0, 0, 300], 0), ([3, 1, 2, 4], 2.5), ([], 0)])
def test_clocks_are_judged_by_the_median(offsets: list[float], median: float) -> None:
    every = {str(number): replace(BLANK, clock_offset=offset) for number, offset in enumerate(offsets)}
    assert Compared.of(every).clock == median


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "n0"),
        (10, "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9"),
        (11, "n0, n1, n2 and 8 more"),
        (999, "n0, n1, n2 and 996 more"),
    ],
)
def test_very_many_machines_are_counted(count: int, words: str) -> None:
    assert listed([f"n{number}" for number in range(count)]) == words


def test_a_run_compares_once_and_again_where_something_was_seen_since(
    run_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.nodes import tasks  # noqa: PLC0415

    made: list[int] = []
    monkeypatch.setattr(tasks.Compared, "of", lambda every: made.append(len(every)) or every)
    run = run_of()
    names = [node.name for node in run.intent.nodes]
    for name in reversed(names[:4]):
        run.keep(tasks.FACTS, BLANK, of=name)
    first = tasks.side_by_side(run)
    assert tasks.side_by_side(run) is first
    assert list(first) == names[:4], "in the inventory's order, whoever answered first"
    run.keep(tasks.FACTS, BLANK, of=names[4])
    assert list(tasks.side_by_side(run)) == names[:5]
    assert made == [4, 5]
