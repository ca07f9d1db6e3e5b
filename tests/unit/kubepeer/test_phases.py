"""The phases of a run: who takes part, who is left out, what goes at the same time."""

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from nornir.core.task import Result, Task

from kubepeer.change import Change, made
from kubepeer.errors import CommandError
from kubepeer.execution import run_phases
from kubepeer.memory import Memory
from kubepeer.phases import (
    Phase,
    Together,
    UntilItHolds,
    chosen,
    control_planes,
    first_control_plane,
    nodes,
    one_by_one,
    one_control_plane,
    one_of_each_redundancy_group,
    other_control_planes,
    routers,
    workers,
)
from kubepeer.run import Run, done, waiting

FACTS, WORD = Memory[str]("the facts of a host"), Memory[str]("a word")
PATIENCE = 10  # seconds until a meeting of threads is given up


def succeed(task: Task, run: Run) -> Result:
    return done(task, [Change("/etc/motd", None, f"hello {task.host.name}\n")], "greeted")


def fail_on_b(task: Task, run: Run) -> Result:
    if task.host.name == "b":
        raise CommandError("disk full", host="b")
    return done(task)


def only(name: str) -> Any:
    return lambda run: [host for host in run.nornir.inventory.hosts if host == name]


def test_every_host_does_its_phase_and_says_what_changed(run_of: Any, observer: Any) -> None:
    (outcome,) = run_phases(run_of("a", "b"), [Phase("Greet", succeed)], observer)
    assert list(outcome.hosts) == ["a", "b"]
    assert outcome.hosts["b"].changes == (Change("/etc/motd", None, "hello b\n"),)
    assert (outcome.hosts["a"].summary, outcome.hosts["a"].failed, outcome.hosts["a"].changed) == (
        "greeted",
        False,
        True,
    )


def test_a_host_that_fails_is_left_out_of_what_follows_and_the_others_go_on(run_of: Any, observer: Any) -> None:
    first, second = run_phases(run_of("a", "b", "c"), [Phase("One", fail_on_b), Phase("Two", succeed)], observer)
    assert [name for name, host in first.hosts.items() if host.failed] == ["b"]
    assert str(first.hosts["b"].error) == "b: disk full"
    assert {name: host.skipped for name, host in second.hosts.items()} == {"a": False, "b": True, "c": False}
    assert second.hosts["b"].changes == ()


@pytest.mark.parametrize(
    ("allowed", "reason"), [(None, ""), (1, ""), (0, "stopped, 1 host has failed (--max-failures 0)")]
)
def test_a_run_stops_where_more_hosts_have_failed_than_may(
    run_of: Any, observer: Any, allowed: int | None, reason: str
) -> None:
    run = run_of("a", "b", "c")
    run.options = replace(run.options, max_failures=allowed)
    in_pairs = Phase("One", fail_on_b, turns=lambda _, hosts: [hosts[:2], hosts[2:]])
    first, second, third = run_phases(
        run, [in_pairs, Phase("Two", succeed), Phase("Three", succeed, on=only("z"))], observer
    )
    assert first.hosts["c"].skipped == bool(reason), "the turn after the one in which it failed"
    assert not first.hosts["a"].skipped
    assert second.skipped_because == reason
    assert second.hosts["a"].skipped == bool(reason)
    assert third.skipped_because == "nothing chosen"


def test_a_failed_check_without_an_error_leaves_a_host_out_too(run_of: Any, observer: Any) -> None:
    def judge(task: Task, run: Run) -> Result:
        return done(task, summary="2 routes missing", failed=task.host.name == "a")

    first, second = run_phases(run_of("a", "b"), [Phase("Verify", judge), Phase("Two", succeed)], observer)
    assert first.hosts["a"].failed
    assert first.hosts["a"].error is None
    assert first.hosts["a"].summary == "2 routes missing"
    assert second.hosts["a"].skipped


def test_what_was_changed_before_a_failure_is_told_with_it(run_of: Any, observer: Any) -> None:
    first, second = Change("/etc/hosts", "", "x\n"), Change("swap", "on", "off")

    def break_off(task: Task, run: Run) -> Result:
        made(first)
        if task.host.name == "a":
            raise CommandError("disk full", host="a")
        made(second)
        return done(task, [first, second])

    (outcome,) = run_phases(run_of("a", "b"), [Phase("Prepare", break_off)], observer)
    assert (outcome.hosts["a"].changes, str(outcome.hosts["a"].error)) == ((first,), "a: disk full")
    assert outcome.hosts["b"].changes == (first, second)


def test_a_fault_of_a_task_ends_only_its_own_host(run_of: Any, observer: Any) -> None:
    def divide(task: Task, run: Run) -> Result:
        return done(task, summary=str(1 // (task.host.name != "a")))

    (outcome,) = run_phases(run_of("a", "b"), [Phase("Divide", divide)], observer)
    assert isinstance(outcome.hosts["a"].error, ZeroDivisionError)
    assert (outcome.hosts["b"].failed, outcome.hosts["b"].summary) == (False, "1")


def test_a_phase_whose_needed_host_failed_before_is_skipped_and_says_so(run_of: Any, observer: Any) -> None:
    phases = [Phase("One", fail_on_b), Phase("Two", succeed, on=only("a"), needs=only("b"))]
    outcome = run_phases(run_of("a", "b"), phases, observer)[1]
    assert outcome.skipped_because == "b failed before"
    assert outcome.hosts["a"].skipped
    assert not outcome.hosts["a"].changed


def test_a_phase_whose_needed_host_did_well_runs(run_of: Any, observer: Any) -> None:
    phases = [Phase("One", fail_on_b), Phase("Two", succeed, on=only("a"), needs=only("c"))]
    outcome = run_phases(run_of("a", "b", "c"), phases, observer)[1]
    assert outcome.skipped_because == ""
    assert outcome.hosts["a"].changed


def test_a_phase_for_nobody_is_skipped(run_of: Any, observer: Any) -> None:
    (outcome,) = run_phases(run_of("a"), [Phase("One", succeed, on=only("z"))], observer)
    assert (outcome.skipped_because, outcome.hosts) == ("nothing chosen", {})


def test_a_phase_whose_hosts_have_all_failed_is_skipped(run_of: Any, observer: Any) -> None:
    outcome = run_phases(run_of("b"), [Phase("One", fail_on_b), Phase("Two", succeed)], observer)[1]
    assert outcome.skipped_because == "no host left"
    assert outcome.hosts["b"].skipped


def test_all_hosts_of_a_phase_work_at_the_same_time(run_of: Any, observer: Any) -> None:
    meeting = threading.Barrier(3, timeout=PATIENCE)

    def meet(task: Task, run: Run) -> Result:
        meeting.wait()
        return done(task)

    (outcome,) = run_phases(run_of("a", "b", "c"), [Phase("Meet", meet)], observer)
    assert not any(host.failed for host in outcome.hosts.values())


class Crowd:
    """A task that notes how many do it at once, and in which order they began."""

    def __init__(self) -> None:
        self.inside, self.most, self.lock = 0, 0, threading.Lock()
        self.order: list[str] = []

    def __call__(self, task: Task, run: Run) -> Result:  # noqa: ARG002  every task has it
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(task.host.name)
        threading.Event().wait(0.02)  # long enough for another thread to come in, if it may
        with self.lock:
            self.inside -= 1
        return done(task)


def test_one_by_one_means_in_order_and_never_two(run_of: Any, observer: Any) -> None:
    crowd = Crowd()
    run_phases(run_of("c", "a", "b"), [Phase("Join", crowd, turns=one_by_one)], observer)
    assert (crowd.most, crowd.order) == (1, ["c", "a", "b"])


def test_workers_bound_how_many_hosts_work_at_the_same_time(run_of: Any, observer: Any) -> None:
    crowd = Crowd()
    run_phases(run_of(*"abcdef", workers=2), [Phase("Join", crowd)], observer)
    assert crowd.most <= 2
    assert sorted(crowd.order) == list("abcdef")


def test_one_by_one_goes_on_after_a_host_that_failed(run_of: Any, observer: Any) -> None:
    (outcome,) = run_phases(run_of("a", "b", "c"), [Phase("Join", fail_on_b, turns=one_by_one)], observer)
    assert {name: host.failed for name, host in outcome.hosts.items()} == {"a": False, "b": True, "c": False}


def test_routers_that_stand_in_for_each_other_are_never_changed_at_the_same_time(run_of: Any, intent_of: Any) -> None:
    """A turn holds one router of each group; the inventory's order is kept."""
    groups = {"openwrt": "north", "tiny-unraid": "south"}
    apart = intent_of(
        hosts={name: {"data": {"peering": {"redundancy_group": group}}} for name, group in groups.items()}
    )
    names = list(groups)
    assert one_of_each_redundancy_group(run_of(*names), names) == [["openwrt"], ["tiny-unraid"]]
    assert one_of_each_redundancy_group(run_of(*names, intent=apart), names) == [names]


def test_phases_together_run_at_the_same_time_and_come_in_their_order(run_of: Any, observer: Any) -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def meet(task: Task, run: Run) -> Result:
        meeting.wait()
        return done(task, summary=task.host.name)

    step = Together(Phase("Nodes", meet, on=only("a")), Phase("Routers", meet, on=only("b")))
    outcomes = run_phases(run_of("a", "b"), [step], observer)
    assert [(outcome.title, list(outcome.hosts), outcome.together) for outcome in outcomes] == [
        ("Nodes", ["a"], True),
        ("Routers", ["b"], True),
    ]
    assert not any(host.failed for outcome in outcomes for host in outcome.hosts.values())


def test_a_failure_beside_another_phase_does_not_touch_it(run_of: Any, observer: Any) -> None:
    step = Together(Phase("Nodes", succeed, on=only("a")), Phase("Routers", fail_on_b, on=only("b")))
    greeted, failed, after = run_phases(run_of("a", "b"), [step, Phase("After", succeed)], observer)
    assert (greeted.hosts["a"].failed, failed.hosts["b"].failed) == (False, True)
    assert {name: host.skipped for name, host in after.hosts.items()} == {"a": False, "b": True}


def test_the_watcher_is_told_of_beginning_each_host_and_end(run_of: Any, observer: Any) -> None:
    run_phases(run_of("a", "b"), [Phase("Greet", succeed)], observer)
    assert observer.events[0] == ("started", "Greet", "a", "b")
    assert sorted(observer.events[1:3]) == [("host finished", "Greet", "a"), ("host finished", "Greet", "b")]
    assert observer.events[3:] == [("finished", "Greet")]


def test_what_one_phase_keeps_a_later_one_recalls(run_of: Any, observer: Any) -> None:
    def learn(task: Task, run: Run) -> Result:
        run.keep(FACTS, task.host.name.upper(), of=task.host.name)
        return done(task)

    def tell(task: Task, run: Run) -> Result:
        return done(task, summary=run.recall(FACTS, of=task.host.name) or "")

    outcome = run_phases(run_of("a", "b"), [Phase("Learn", learn), Phase("Tell", tell)], observer)[1]
    assert [host.summary for host in outcome.hosts.values()] == ["A", "B"]


def test_a_thing_is_made_once_however_many_ask_for_it_at_the_same_time(run_of: Any, observer: Any) -> None:
    made: list[str] = []

    def ask(task: Task, run: Run) -> Result:
        def make() -> str:
            made.append(task.host.name)
            return "token"

        return done(task, summary=run.once(WORD, make))

    (outcome,) = run_phases(run_of(*"abcdef"), [Phase("Ask", ask)], observer)
    assert len(made) == 1
    assert {host.summary for host in outcome.hosts.values()} == {"token"}


def test_what_is_made_once_may_itself_ask_for_what_was_kept(run_of: Any) -> None:
    run = run_of("a")
    run.keep(WORD, "a")
    answers: list[str] = []
    thread = threading.Thread(
        target=lambda: answers.append(
            run.once(FACTS, lambda: f"{run.recall(WORD)}{run.once(WORD, lambda: '!', of='key')}")
        ),
        daemon=True,
    )
    thread.start()
    thread.join(PATIENCE)
    assert answers == ["a!"]


def test_a_thing_that_could_not_be_made_is_made_at_the_next_asking(run_of: Any) -> None:
    run, tries = run_of("a"), iter([CommandError("no answer"), None])

    def make() -> str:
        if error := next(tries):
            raise error
        return "manifest"

    with pytest.raises(CommandError, match="no answer"):
        run.once(WORD, make)
    assert run.once(WORD, make) == "manifest"


ALL = (
    "k8s-calico-master-10-31-90-1",
    "k8s-calico-master-10-31-90-2",
    "k8s-calico-master-10-31-90-3",
    "k8s-calico-worker-10-31-90-4",
    "k8s-calico-worker-10-31-90-5",
    "k8s-calico-worker-10-31-90-6",
    "openwrt",
    "tiny-unraid",
)


def test_without_a_filter_every_selector_gives_its_whole_group(run_of: Any) -> None:
    run = run_of(*ALL)
    assert tuple(chosen(run)) == ALL
    assert tuple(nodes(run)) == ALL[:6]
    assert tuple(routers(run)) == ALL[6:]
    assert tuple(control_planes(run)) == ALL[:3]
    assert tuple(first_control_plane(run)) == ALL[:1]
    assert tuple(other_control_planes(run)) == ALL[1:3]
    assert tuple(workers(run)) == ALL[3:6]
    assert tuple(one_control_plane(run)) == ALL[:1]


def test_the_second_control_plane_is_never_the_first_because_the_first_was_not_chosen(run_of: Any) -> None:
    run = run_of(*ALL, chosen=[ALL[1], ALL[4]])
    assert list(first_control_plane(run)) == []
    assert list(other_control_planes(run)) == [ALL[1]]
    assert list(workers(run)) == [ALL[4]]
    assert list(routers(run)) == []


def test_a_control_plane_that_failed_does_not_speak_for_the_cluster(run_of: Any) -> None:
    run = run_of(*ALL)
    run.nornir.data.failed_hosts.add(ALL[0])
    assert list(one_control_plane(run)) == [ALL[1]]


def test_nobody_speaks_for_the_cluster_when_no_control_plane_was_chosen(run_of: Any) -> None:
    assert list(one_control_plane(run_of(*ALL, chosen=ALL[3:]))) == []


def test_what_a_task_waits_for_is_told_to_whoever_watches(run_of: Any, observer: Any) -> None:
    def wait(task: Task, run: Run) -> Result:
        waiting(f"the other side of {task.host.name}")
        return done(task)

    run_phases(run_of("a", "b"), [Phase("Wait", wait)], observer)
    told = sorted(event for event in observer.events if event[0] == "waiting")
    assert told == [("waiting", "Wait", host, f"the other side of {host}") for host in "ab"]


def test_without_a_watcher_nobody_is_told() -> None:
    waiting("nobody listens")


class Asked:
    """A task that answers as it was scripted to, host by host, one answer a question: the last one for ever.

    With "bad" it waits, as long as the run has time; "refused" fails at once, whatever time there is.
    """

    def __init__(self, **scripts: str) -> None:
        self.scripts = {host: script.split() for host, script in scripts.items()}
        self.asked: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, task: Task, run: Run) -> Result:
        host, options = task.host.name, run.options
        ends = time.monotonic() + options.wait_seconds
        while True:
            with self.lock:
                self.asked.append(f"{host} once" if options.once else host)
                script = self.scripts[host]
                said = script.pop(0) if len(script) > 1 else script[0]
            if said in ("refused", "lost"):
                raise CommandError(said, host=host)
            if said == "good" or time.monotonic() >= ends:
                return done(task, summary=said, failed=said != "good")
            waiting("it is bad")


def held(run_of: Any, observer: Any, asked: Asked, seconds: float = 30.0) -> dict[str, Any]:
    run = run_of(*asked.scripts, wait_seconds=seconds)
    (outcome,) = run_phases(run, [UntilItHolds(Phase("Verify", asked))], observer)
    assert outcome.title == "Verify"
    return dict(outcome.hosts)


def test_where_nobody_waits_everybody_is_asked_once(run_of: Any, observer: Any) -> None:
    asked = Asked(a="good", b="good")
    assert not any(host.failed for host in held(run_of, observer, asked).values())
    assert sorted(asked.asked) == ["a", "b"]


def test_a_host_that_is_well_is_not_asked_while_another_is_waited_for_and_all_are_once_more_at_the_end(
    run_of: Any, observer: Any
) -> None:
    asked = Asked(a="good", b="bad bad good")
    assert not any(host.failed for host in held(run_of, observer, asked).values())
    assert sorted(asked.asked[:-2]) == ["a", "b", "b", "b"]
    assert sorted(asked.asked[-2:]) == ["a once", "b once"]


def test_what_turned_bad_while_another_was_waited_for_is_waited_for_in_its_turn(run_of: Any, observer: Any) -> None:
    asked = Asked(a="good bad bad good", b="bad good")
    hosts = held(run_of, observer, asked)
    assert {name: host.summary for name, host in hosts.items()} == {"a": "good", "b": "good"}
    assert sorted(asked.asked[-2:]) == ["a once", "b once"], "the answer is of one last moment"
    assert asked.asked.count("b") == 2, "who is well is not asked again meanwhile"


def test_when_time_is_up_the_answer_is_that_of_the_last_moment(run_of: Any, observer: Any) -> None:
    asked = Asked(a="good bad", b="bad")
    hosts = held(run_of, observer, asked, seconds=0.05)
    assert {name: (host.summary, host.failed) for name, host in hosts.items()} == {
        "a": ("bad", True),
        "b": ("bad", True),
    }
    assert sorted(asked.asked[-2:]) == ["a once", "b once"]


def test_what_no_waiting_helps_is_not_waited_for(run_of: Any, observer: Any) -> None:
    asked = Asked(a="refused", b="bad good")
    hosts = held(run_of, observer, asked)
    assert (hosts["a"].failed, hosts["b"].failed) == (True, False)
    assert asked.asked.count("a") == 1
    assert asked.asked.count("a once") == 1


def test_a_host_that_was_lost_at_the_last_moment_is_waited_for(run_of: Any, observer: Any) -> None:
    asked = Asked(a="good lost good", b="bad good")
    hosts = held(run_of, observer, asked)
    assert not any(host.failed for host in hosts.values())


def test_who_failed_in_a_phase_before_is_not_asked(run_of: Any, observer: Any) -> None:
    asked = Asked(a="bad good", b="good")
    run = run_of("a", "b", wait_seconds=30.0)
    _, outcome = run_phases(run, [Phase("One", fail_on_b), UntilItHolds(Phase("Verify", asked))], observer)
    assert outcome.hosts["b"].skipped
    assert not any("b" in one for one in asked.asked)


def test_without_wait_nothing_is_asked_twice(run_of: Any, observer: Any) -> None:
    asked = Asked(a="bad", b="good")
    assert held(run_of, observer, asked, seconds=0.0)["a"].failed
    assert sorted(asked.asked) == ["a", "b"]
