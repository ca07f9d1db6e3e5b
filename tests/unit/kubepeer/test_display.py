"""What a person reads while a runbook runs."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.text import Text

from kubepeer.change import Change
from kubepeer.display import Display, error_lines, phase_line, print_changes, summarize
from kubepeer.errors import CommandError, KubepeerError, UnreachableError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.secret import Redactor

SWAP, HOSTS = Change("swap", "on", "off"), Change("/etc/hosts", "a\n", "a\nb\n")
FAILED = HostOutcome(error=CommandError("exit 1"), failed=True)
SKIPPED = HostOutcome(skipped=True)


def changed(*changes: Change, summary: str = "") -> HostOutcome:
    return HostOutcome(changes=changes, summary=summary)


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        pytest.param([HostOutcome()], "", id="nothing_was_done"),
        pytest.param([changed(SWAP)], "1 change", id="one_change_on_one_host"),
        pytest.param([changed(SWAP, HOSTS)], "2 changes", id="two_changes_on_one_host"),
        pytest.param([changed(SWAP), changed(SWAP)], "1 change each", id="one_change_on_each_host"),
        pytest.param([changed(SWAP, HOSTS), changed(SWAP, HOSTS)], "2 changes each", id="as_many_on_each_host"),
        pytest.param([changed(SWAP), HostOutcome()], "0-1 changes", id="a_change_on_some_hosts"),
        pytest.param([changed(SWAP), changed(SWAP, HOSTS)], "1-2 changes", id="differing_numbers"),
        pytest.param([FAILED, HostOutcome()], "1 failed", id="a_failure"),
        pytest.param([replace(FAILED, changes=(SWAP,))], "1 failed · 1 change", id="a_failure_after_a_change"),
        pytest.param([FAILED, changed(SWAP)], "1 failed · 1 change", id="a_failure_beside_a_change"),
        pytest.param([SKIPPED, changed(SWAP)], "1 change", id="skipped_hosts_do_not_count"),
        pytest.param([changed(summary="all clear"), changed(summary="all clear")], "all clear", id="all_say_the_same"),
        pytest.param([changed(summary="one"), changed(summary="two")], "", id="each_says_something_else"),
        pytest.param([changed(SWAP, summary="API up")], "1 change · API up", id="a_change_and_a_word"),
        pytest.param([], "", id="nobody"),
    ],
)
def test_a_phase_is_summed_up_in_a_few_words(hosts: list[HostOutcome], words: str) -> None:
    assert summarize(hosts) == words


def test_a_phases_line_has_title_hosts_summary_and_time() -> None:
    outcome = PhaseOutcome("Prepare nodes", 23.06, {"a": changed(SWAP), "b": changed(SWAP), "c": SKIPPED})
    assert phase_line(outcome).plain == f" Prepare nodes{' ' * 10}2 hosts   1 change each{' ' * 33}  23.1 s"


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (91, [" Prepare nodes          3 hosts   1 failed · 1-2 changes                          23.1 s ┘"]),
        (80, [" Prepare nodes          3 hosts   1 failed · 1-2 changes               23.1 s ┘"]),
        (60, [" Prepare nodes          3 hosts                    23.1 s ┘", "   1 failed · 1-2 changes"]),
        (40, [" Prepare nodes          3 hosts     23.1 s ┘", "   1 failed · 1-2 changes"]),
    ],
)
def test_in_a_narrow_terminal_what_came_of_it_has_a_line_of_its_own(width: int, lines: list[str]) -> None:
    hosts = {"a": changed(SWAP), "b": changed(SWAP, HOSTS), "c": FAILED}
    assert phase_line(PhaseOutcome("Prepare nodes", 23.06, hosts), "┘", width).plain.split("\n") == lines


def test_a_skipped_phase_says_why() -> None:
    outcome = PhaseOutcome("Workers", 0, skipped_because="a failed before")
    assert phase_line(outcome).plain.split() == ["Workers", "skipped:", "a", "failed", "before"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(CommandError("exit 1: no space"), "   a: exit 1: no space", id="the_host_is_named"),
        pytest.param(
            UnreachableError("no answer", host="a", cure="is it up?"),
            "   a: no answer Cure: is it up?",
            id="the_cure_is_told",
        ),
        pytest.param(
            CommandError("first line\n  second\tline", host="a"), "   a: first line second line", id="lines_become_one"
        ),
        pytest.param(
            ZeroDivisionError("division\nby zero"),
            "   a: ZeroDivisionError: division by zero (a fault of Kubepeer: run with --verbose and report it)",
            id="a_fault_is_owned_up_to",
        ),
        pytest.param(
            KeyError("x" * 1000),
            f"   a: KeyError: '{'x' * 299} (a fault of Kubepeer: run with --verbose and report it)",
            id="a_long_fault_is_cut",
        ),
    ],
)
def test_an_error_is_one_line(error: BaseException, line: str) -> None:
    assert error_lines(PhaseOutcome("One", 1.0, {"a": HostOutcome(error=error, failed=True)})) == [line]


def test_an_error_that_several_hosts_share_is_told_once() -> None:
    error = UnreachableError("the Kubernetes API does not answer", host="cluster")
    outcome = PhaseOutcome("One", 1, {name: HostOutcome(error=error, failed=True) for name in "abc"})
    assert error_lines(outcome) == ["   cluster: the Kubernetes API does not answer"]


def test_hosts_that_did_well_have_no_line() -> None:
    assert error_lines(PhaseOutcome("One", 1, {"a": HostOutcome(), "b": SKIPPED})) == []


def printed(outcome: PhaseOutcome, *secrets: str) -> str:
    redactor, text = Redactor(), io.StringIO()
    for secret in secrets:
        redactor.learn(secret)
    with Display(Console(file=text, width=140), redactor) as display:
        display.started(outcome.title, list(outcome.hosts))
        display.host_finished(outcome.title, "a")
        display.finished(outcome)
    return text.getvalue()


def raised(error: BaseException) -> BaseException:
    """The error with a traceback, as a task leaves it."""
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error", [CommandError("exit 1", host="a"), RuntimeError("boom"), ValueError("Traceback (most")]
)
def test_what_is_printed_is_never_a_traceback(error: Exception) -> None:
    text = printed(PhaseOutcome("One", 1.0, {"a": HostOutcome(error=raised(error), failed=True)}))
    assert 'File "' not in text
    assert len(text.splitlines()) == 2


def test_a_secret_in_an_error_is_hidden() -> None:
    outcome = PhaseOutcome("One", 1.0, {"a": HostOutcome(error=CommandError("password s3cret refused"), failed=True)})
    assert printed(outcome, "s3cret").splitlines()[1] == "   a: password ******** refused"


def test_brackets_in_an_error_are_printed_as_they_are() -> None:
    outcome = PhaseOutcome("One", 1.0, {"a": HostOutcome(error=KubepeerError("got [/red] and [bold]"), failed=True)})
    assert printed(outcome).splitlines()[1] == "   a: got [/red] and [bold]"


def test_a_plain_output_carries_no_colours() -> None:
    assert "\x1b" not in printed(PhaseOutcome("One", 1.0, {"a": FAILED}))


def test_phases_at_the_same_time_are_joined_by_a_bracket() -> None:
    text = io.StringIO()
    with Display(Console(file=text, width=140), Redactor()) as display:
        for title in ("Prepare nodes", "Configure routers"):
            display.finished(PhaseOutcome(title, 1.0, {"a": changed(SWAP)}, together=True))
    assert [line[-1] for line in text.getvalue().splitlines()] == ["┐", "┘"]


def test_the_same_change_on_several_hosts_is_printed_once_with_their_names() -> None:
    text = io.StringIO()
    hosts = {"a": changed(SWAP), "b": changed(SWAP), "c": changed(HOSTS)}
    print_changes(Console(file=text, width=140), Redactor(), [PhaseOutcome("Prepare nodes", 1, hosts)])
    assert text.getvalue().splitlines() == [
        "",
        "Prepare nodes",
        " swap  (a, b)",
        "   - on",
        "   + off",
        " /etc/hosts  (c)",
        "   --- /etc/hosts",
        "   +++ /etc/hosts",
        "   @@ -1 +1,2 @@",
        "    a",
        "   +b",
    ]


def test_a_diff_whose_text_looks_like_markup_is_printed_as_it_stands() -> None:
    text = io.StringIO()
    change = Change("config.toml", "[plugins]\n", "[plugins]\n[/plugins]\n")
    print_changes(Console(file=text, width=140), Redactor(), [PhaseOutcome("One", 1, {"a": changed(change)})])
    assert "   +[/plugins]" in text.getvalue().splitlines()


def test_what_a_host_waits_for_is_told_once_where_nothing_is_live() -> None:
    text = io.StringIO()
    with Display(Console(file=text, width=140), Redactor()) as display:
        display.started("Verify", ["a", "b"])
        display.waiting("Verify", "a", "n6 waits for r2: up to 200 s more")
        display.waiting("Verify", "a", "n6 waits for r2: up to 198 s more")
        display.waiting("Another phase", "a", "is over")
    assert text.getvalue() == "   a: n6 waits for r2: up to 200 s more\n"


def test_of_very_many_hosts_that_wait_some_are_told_and_shown() -> None:
    text, live = io.StringIO(), io.StringIO()
    many = [f"n{number}" for number in range(100)]
    with (
        Display(Console(file=text, width=140), Redactor()) as display,
        Display(Console(file=live, width=140, force_terminal=True), Redactor()) as on_terminal,
    ):
        for one in (display, on_terminal):
            one.started("Join", many)
            for host in many:
                one.waiting("Join", host, "kubeadm join")
        rows = [str(row) for row in on_terminal._at_work().renderables][1:]
    told = [f"   {host}: kubeadm join" for host in many[:20]]
    assert text.getvalue().splitlines() == [*told, "   and other hosts wait, too"]
    assert rows == [*told, "   and 80 hosts more"]


def test_many_hosts_are_summed_up_with_the_exceptions_by_name() -> None:
    text = io.StringIO()
    hosts = {f"n{number}": changed(replace(HOSTS, after=f"a\nb n{number}\n")) for number in range(30)}
    hosts["n7"] = changed(SWAP)
    own = {name: [name] for name in hosts}
    print_changes(Console(file=text, width=140), Redactor(), [PhaseOutcome("Prepare nodes", 1, hosts)], own)
    assert text.getvalue().splitlines() == [
        "",
        "Prepare nodes",
        " /etc/hosts  (29 hosts: all but n7; each its own: here that of n0)",
        "   --- /etc/hosts",
        "   +++ /etc/hosts",
        "   @@ -1 +1,2 @@",
        "    a",
        "   +b n0",
        " swap  (n7)",
        "   - on",
        "   + off",
    ]


def test_a_plan_that_is_to_be_approved_is_shown_as_a_whole() -> None:
    text, names = io.StringIO(), [f"n{number}" for number in range(30)]
    hosts = {name: changed(SWAP, Change("conf", None, f"{name}\n")) for name in names}
    outcome = PhaseOutcome("Prepare nodes", 1, hosts)
    print_changes(Console(file=text, width=140), Redactor(), [outcome], {name: [name] for name in names}, whole=True)
    lines = text.getvalue().splitlines()
    assert f" swap  (30 hosts: {', '.join(names)})" in lines
    assert [line for line in lines if line.startswith("   + n")] == [f"   + {name}" for name in names]


def test_errors_of_very_many_hosts_are_told_by_examples() -> None:
    hosts = {
        f"n{number}": HostOutcome(error=UnreachableError(f"10.0.0.{number}:22 refuses", host=f"n{number}"), failed=True)
        for number in range(50)
    }
    assert error_lines(PhaseOutcome("Observe", 1, hosts)) == [
        "   n0: 10.0.0.0:22 refuses",
        "   n1: 10.0.0.1:22 refuses",
        "   n2: 10.0.0.2:22 refuses",
        "   and 47 more like it (--output json has all)",
    ]


def test_what_a_host_waits_for_stands_below_its_phase_for_as_long_as_it_waits() -> None:
    text = io.StringIO()
    with Display(Console(file=text, width=140, force_terminal=True), Redactor()) as display:
        display.started("Verify", ["a", "b"])
        display.waiting("Verify", "a", "n6 waits for r2: up to 200 s more")
        display.waiting("Verify", "a", "n6 waits for r2: up to 198 s more")
        rows = [str(row) for row in display._at_work().renderables]
        assert rows[1:] == ["   a: n6 waits for r2: up to 198 s more"]
        display.host_finished("Verify", "a")
        assert len(display._at_work().renderables) == 1


def test_lines_of_somebody_else_stand_below_the_phases_and_what_is_said_stays_with_secrets_hidden() -> None:
    text = io.StringIO()
    redactor = Redactor()
    redactor.learn("s3cret")
    with Display(Console(file=text, width=140, force_terminal=True), redactor) as display:
        display.started("Verify", ["a", "b"])
        display.below = lambda: [Text("the table")]
        assert [str(row) for row in display._at_work().renderables][1:] == ["the table"]
        display.say("r1 has s3cret [1]")
    assert "r1 has ******** [1]" in text.getvalue()
