"""What is said of many hosts: told once where it is alike, and by name who differs."""

from dataclasses import dataclass, replace

import pytest

from kubepeer.change import Change
from kubepeer.conclusion import drift_line
from kubepeer.folding import FEW, LINES, alike, folded, named
from kubepeer.outcome import HostOutcome, PhaseOutcome

MANY = [f"node-{number}" for number in range(20)]


@dataclass(frozen=True)
class Stepped(Change):
    """As a LinuxChange has, steps of a host's own."""

    steps: str = ""


def phase(*changes: tuple[str, Change]) -> PhaseOutcome:
    hosts: dict[str, HostOutcome] = {name: HostOutcome() for name in MANY}
    for name, change in changes:
        hosts[name] = replace(hosts[name], changes=(*hosts[name].changes, change))
    return PhaseOutcome("One", 1.0, hosts)


def on_all(change: object) -> PhaseOutcome:
    return phase(*((name, change(name)) for name in MANY))  # type: ignore[operator]


WORDS = {name: [name, f"{name}.example.net", f"10.31.1.{number}"] for number, name in enumerate(MANY)}
LIST = "".join(f"{words[2]} {name}\n" for name, words in WORDS.items())


def hosts_file(name: str) -> Change:
    stands = f"127.0.0.1 localhost\n127.0.1.1 {name}\n"
    return Change("/etc/hosts", stands, stands + LIST)


@pytest.mark.parametrize(
    ("change", "own"),
    [
        pytest.param(lambda _: Change("swap", "on", "off"), False, id="the_same"),
        pytest.param(lambda name: Stepped("join", None, "worker", steps=name), False, id="other_steps"),
        pytest.param(hosts_file, False, id="the_same_lines_among_others_with_all_names_in_them"),
        pytest.param(
            lambda name: Change("conf", f"a {name}\nb\nz {name}\n", f"a {name}\nc\nz {name}\n"),
            False,
            id="other_lines_before_and_behind",
        ),
        pytest.param(lambda name: Change("conf", name, f"s {name}", secret=True), False, id="a_secret_each"),
        pytest.param(lambda name: Change("conf", None, f"--node-ip={WORDS[name][2]}\n"), True, id="its_own_address"),
        pytest.param(lambda name: Change("conf", None, f"name: {name}.example.net\n"), True, id="its_own_full_name"),
        pytest.param(lambda name: Change("conf", name, None), True, id="its_own_name_goes"),
        pytest.param(lambda _: Change("r", unified="+ neighbor"), False, id="a_devices_own_diff"),
    ],
)
def test_many_hosts_are_told_together(change: object, own: bool) -> None:  # noqa: FBT001
    (one,) = alike(on_all(change), WORDS)
    assert one.hosts == tuple(MANY)
    assert one.change == change(MANY[0])  # type: ignore[operator]
    assert one.own is own
    assert one.differing == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(Change("a", "on", "off"), Change("b", "on", "off"), id="another_subject"),
        pytest.param(Change("a", "on", "off"), Change("a", "on", "gone"), id="other_lines"),
        pytest.param(Change("a", "on", "off"), Change("a", None, "off"), id="it_is_not_there_yet"),
        pytest.param(Change("a", "", "off"), Change("a", None, "off"), id="an_empty_file_is_there"),
        pytest.param(Change("a", "x\n", ""), Change("a", "x\n", None), id="it_goes_as_a_whole"),
        pytest.param(Change("a", "s", "t", secret=True), Change("a", "s", "t"), id="one_is_secret"),
        pytest.param(Change("a", unified="+x"), Change("a", unified="+y"), id="devices_say_otherwise"),
        pytest.param(Change("a", "x\ny\n", "y\n"), Change("a", "x\ny\n", "x\n"), id="another_line_goes"),
        # the address of node-1 is the beginning of that of node-10, and in the middle of another one
        pytest.param(Change("a", None, "10.31.1.10"), Change("a", None, "110.31.1.2"), id="no_address_of_its_own"),
    ],
)
def test_what_differs_is_told_apart(first: Change, second: Change) -> None:
    found = alike(phase(*((name, second if name == "node-2" else first) for name in MANY[1:3])), WORDS)
    assert [(one.change, one.hosts, one.own) for one in found] == [
        (first, ("node-1",), False),
        (second, ("node-2",), False),
    ]


def test_exceptions_stand_beside_the_many() -> None:
    usual, other = Change("swap", "on", "off"), Change("swap", "half", "off")
    found = alike(phase(*((name, other if name == "node-7" else usual) for name in MANY)), WORDS)
    assert [(one.change, len(one.hosts)) for one in found] == [(usual, 19), (other, 1)]
    assert named(found[0].hosts, MANY) == "19 hosts: all but node-7"


def test_of_many_that_differ_some_are_shown_and_the_rest_is_named() -> None:
    found = alike(on_all(lambda name: Change("conf", None, "x" * int(name[5:]))), WORDS)
    assert len(found) == FEW
    assert [one.differing for one in found[:-1]] == [()] * (FEW - 1)
    assert sorted((*(one.hosts[0] for one in found), *found[-1].differing)) == sorted(MANY)


def test_a_few_hosts_are_told_as_they_are() -> None:
    outcome = on_all(hosts_file)
    few = replace(outcome, hosts=dict(list(outcome.hosts.items())[:FEW]))
    assert [(one.change, list(one.hosts)) for one in alike(few, WORDS)] == list(few.changes_together().items())


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "3 hosts: a, b, c"),
        (MANY[:10], f"10 hosts: {', '.join(MANY[:10])}"),
        (MANY, "all 20 hosts"),
        (MANY[1:], "19 hosts: all but node-0"),
        (MANY[9:], f"11 hosts: all but {', '.join(MANY[:9])}"),
    ],
)
def test_hosts_are_named_or_those_that_are_not_among_them(hosts: list[str], words: str) -> None:
    assert named(hosts, MANY) == words


def test_hosts_that_are_neither_few_nor_nearly_all_are_counted() -> None:
    among = [*MANY, *(f"other-{number}" for number in range(20))]
    assert named(MANY, among) == "20 hosts: node-0, node-1, node-2 and 17 more"


def test_lines_that_are_alike_are_told_by_examples() -> None:
    lines = [f"   node-{number}: 10.31.1.{number}:22 refuses" for number in range(100)]
    assert folded(lines[:LINES]) == lines[:LINES]
    odd = "   node-5: another key"
    assert folded([*lines, odd]) == [*lines[:3], "   and 97 more like it (--output json has all)", odd]


def test_lines_of_too_many_kinds_are_counted() -> None:
    kinds = ["x" * number for number in range(1, 26)]
    assert folded(kinds) == [*kinds[:FEW], "   and 15 others (--output json has all)"]


@pytest.mark.parametrize(
    ("count", "names"),
    [(2, "node-0, node-1"), (10, ", ".join(MANY[:10])), (19, "19 hosts: all but node-19"), (20, "all 20 hosts")],
)
def test_hosts_that_have_drifted_are_named_or_counted(count: int, names: str) -> None:
    outcome = phase(*((name, Change("swap", "on", "off")) for name in MANY[:count]))
    assert drift_line([outcome], 1.5) == f"{count} differences from intent on {names} in 1.5 s"
