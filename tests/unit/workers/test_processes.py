"""Runs with workers, all of it as processes: the same results as in threads, and what becomes of a worker or a run that is killed."""

import hashlib
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.fleet.machines import CHECKOUT
from benchmarks.fleet.workers import KEY
from kubepeer.commandline import parse
from kubepeer.execution import run_phases
from kubepeer.phases import Phase, nodes
from kubepeer.runbook import prepare
from kubepeer.settings import read_settings
from tasks.platforms.platform import PLATFORMS
from tests.unit.workers.conftest import (
    DRY,
    MIRROR,
    PREPARE,
    SUDO,
    Running,
    begin,
    certificates,
    done,
    hosts_of,
    site,
    until,
    without_times,
)
from tests.unit.workers.test_session import COUNT, looks

pytest.importorskip("asyncssh")
pytest.importorskip("distributed")

HOSTS = 12
LOST = re.compile(
    r"worker tcp://127\.0\.0\.1:\d+ on \S+ \(pid \d+\) was lost while it was at this host: "
    r"what it had changed by then is not known"
)
LOCK = hashlib.sha256(b"run lock").hexdigest()
AGAIN = "Cure: run it again: what was done stands, and is looked at"


@pytest.fixture(scope="module")
def running(tmp_path_factory: Any) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(CHECKOUT))  # a task of these tests runs on a worker, too
        with site(tmp_path_factory.mktemp("site"), HOSTS) as found:
            yield found


@pytest.mark.parametrize("output", ["json", "table"])
def test_a_dry_run_says_the_same_as_in_threads_byte_for_byte(running: Running, output: str) -> None:
    in_threads = done(running.threaded, *DRY, "--output", output)
    on_workers = done(running.config, *DRY, "--output", output)
    assert in_threads[0] == on_workers[0]
    assert without_times(on_workers[1]) == without_times(in_threads[1])
    assert without_times(on_workers[2]) == without_times(in_threads[2])
    assert re.search(rf"Prepare nodes +{HOSTS} hosts +\d+ changes each", on_workers[1 if output == "table" else 2])


def test_the_workers_and_not_the_controller_have_looked(running: Running) -> None:
    running.serving.workers[0].send_signal(signal.SIGSTOP)
    try:
        waits = begin(running.config, "-m", "benchmarks.fleet.observe", "--dry-run")
        with pytest.raises(TimeoutError):
            _within(waits.process, 5)
    finally:
        running.serving.workers[0].send_signal(signal.SIGCONT)
    assert waits.end()[0] == 0


def test_what_hosts_wait_for_and_leave_comes_while_the_phase_is_at_work(running: Running, observer: Any) -> None:
    given = parse("test", "", ["--config", str(running.config), "--group", "kubernetes", "--dry-run"])
    run = prepare(read_settings(running.config), given, PLATFORMS)
    names = [node.name for node in run.intent.nodes]
    (outcome,) = run_phases(run, [Phase("Title", looks, on=nodes)], observer)
    waits = {("waiting", "Title", name, "for the host") for name in names}
    until(lambda: waits <= set(observer.events), "the last word of the workers")
    run.nornir.runner.close()  # type: ignore[attr-defined]
    assert list(outcome.hosts) == names
    assert all(host.summary == "all clear" and host.waited for host in outcome.hosts.values())
    assert {("host finished", "Title", name) for name in names} <= set(observer.events)
    assert [run.recall(COUNT, of=name) for name in names] == [0] * HOSTS
    assert run.warnings.count("looked at None") == 1
    assert run.redactor.hide("it is a password") == "it is ********"


def _within(process: Any, seconds: float) -> None:
    try:
        process.wait(seconds)
    except Exception as error:
        raise TimeoutError from error


def test_no_secret_is_ever_in_the_schedulers_memory(running: Running) -> None:
    """Looked at again and again during a dry run whose plans hold a mirror's password; what a worker has meanwhile is found there."""
    hidden = {word.encode() for word in (SUDO, MIRROR, KEY, "/etc/containerd", "node-00003")}
    of_worker, of_scheduler = set[bytes](), set[bytes]()
    with ThreadPoolExecutor(1) as beside:
        planning = beside.submit(done, running.config, *DRY)
        while not planning.done():
            of_worker |= _found(running.serving.workers[0].pid, hidden)
            of_scheduler |= _found(running.serving.scheduler.pid, hidden | {b"kubepeer-"})
    assert "Prepare nodes" in planning.result()[1]
    assert {SUDO.encode(), MIRROR.encode(), b"/etc/containerd", b"node-00003"} <= of_worker
    assert of_scheduler == {b"kubepeer-"}, "the keys of the calls, and nothing else"


def _found(pid: int, words: set[bytes]) -> set[bytes]:
    return {word for part in _memory(pid) for word in words if word in part}


def _memory(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, modes, *_ = line.split()
            if modes.startswith("rw"):
                first, last = (int(end, 16) for end in span.split("-"))
                memory.seek(first)
                with suppress(OSError):  # given back meanwhile, as the stack of a thread that has ended
                    yield memory.read(last - first)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ("workers.key", "another key, and 1 more. Nothing was changed. Cure: give it the controller's"),
        ("sudo", "other passwords of the logins, and 1 more. Nothing was changed. Cure: give it the same secrets"),
        ("hosts.yaml", "another inventory, and 1 more. Nothing was changed. Cure: bring its inventory"),
    ],
)
def test_a_worker_that_has_something_else_is_refused(running: Running, folder: Path, changed: str, says: str) -> None:
    for file in running.folder.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
            (folder / file.name).chmod(file.stat().st_mode)
    other = folder / changed
    other.write_text(other.read_text().replace("10.31.1.7", "10.31.2.7") if other.suffix == ".yaml" else "x" * 40)
    code, out, err = done(folder / running.config.name, *DRY)
    assert (code, err) == (2, "")
    assert re.search(rf"worker tcp://\S+ on .* cannot take part: it has {re.escape(says)}", out)


def test_without_a_worker_nothing_begins(tmp_path: Path) -> None:
    with site(tmp_path, 3, workers=0) as alone:
        code, out, _ = done(alone.config, *DRY)
    assert (code, "has no worker. Nothing was changed. Cure: python runbooks/worker.py starts one" in out) == (2, True)


def test_a_worker_of_dasks_own_is_refused(tmp_path: Path) -> None:
    with site(tmp_path, 3, workers=0) as alone:
        command = [
            sys.executable,
            "-m",
            "distributed.cli.dask_worker",
            alone.serving.address,
            "--no-nanny",
            "--no-dashboard",
        ]
        with subprocess.Popen([*command, "--local-directory", str(tmp_path)], stderr=subprocess.DEVNULL) as stranger:
            try:
                code, out, _ = done(alone.config, *DRY)
            finally:
                stranger.kill()
    assert code == 2
    assert re.search(
        r"worker tcp://\S+ on tcp://\S+ cannot take part: it does not open a session .* Cure: python runbooks/worker.py",
        out,
    )


def test_without_a_scheduler_nothing_begins(tmp_path: Path) -> None:
    with site(tmp_path, 3, workers=0) as alone:
        alone.serving.scheduler.kill()
        code, out, _ = done(alone.config, *DRY)
    assert code == 2
    assert re.search(r"tcp://127\.0\.0\.1:\d+: no scheduler of Dask's answers", out)


def test_a_worker_killed_in_observe_costs_nothing_but_time(tmp_path: Path) -> None:
    with site(tmp_path, HOSTS, "--seconds", "1.5") as slow:
        expected = done(slow.threaded, "-m", "benchmarks.fleet.observe", "--output", "json")
        observing = begin(slow.config, "-m", "benchmarks.fleet.observe", "--output", "json")
        until(lambda: slow.connections(0) > 2, "worker 0 asks its hosts")
        slow.kill(0)
        code, out, err = observing.end()
    assert (code, without_times(out)) == (expected[0], without_times(expected[1]))
    assert without_times(err) == without_times(expected[2])
    assert len(hosts_of(out, "Observe")) == HOSTS


def test_when_all_workers_are_lost_every_host_says_so(tmp_path: Path) -> None:
    with site(tmp_path, HOSTS, "--seconds", "1.5") as slow:
        observing = begin(slow.config, "-m", "benchmarks.fleet.observe", "--output", "json")
        until(lambda: slow.connections(0) > 2, "worker 0 asks its hosts")
        for number in range(2):
            slow.kill(number)
        code, out, _ = observing.end()
    found = hosts_of(out, "Observe")
    assert (code, len(found)) == (1, HOSTS)
    assert all("no worker is left to look at it" in host["error"] for host in found.values() if host["failed"])


def test_when_the_scheduler_is_lost_every_host_says_so_and_the_workers_end(tmp_path: Path) -> None:
    with site(tmp_path, HOSTS, "--seconds", "1.5") as slow:
        observing = begin(slow.config, "-m", "benchmarks.fleet.observe", "--output", "json")
        until(lambda: slow.connections(0) > 2, "worker 0 asks its hosts")
        slow.serving.scheduler.kill()
        code, out, _ = observing.end()
        assert [one.wait(60) for one in slow.serving.workers] == [1, 1]
        assert "the scheduler is gone" in slow.serving.logs[1].read_text()
    assert code == 1
    assert all(host["failed"] for host in hosts_of(out, "Observe").values())


def test_by_tls_a_stranger_gets_no_word_out_of_the_scheduler(tmp_path: Path) -> None:
    files = certificates(tmp_path)
    with site(tmp_path, 3, tls=files) as encrypted:
        assert done(encrypted.config, "-m", "benchmarks.fleet.observe")[0] == 0
        certificates(tmp_path)  # of another CA
        code, out, _ = done(encrypted.config, "-m", "benchmarks.fleet.observe")
        assert (code, "no scheduler of Dask's answers" in out) == (2, True)
        (tmp_path / files["key"]).unlink()
        code, out, _ = done(encrypted.config, "-m", "benchmarks.fleet.observe")
        assert (code, "runner.options.tls: No such file or directory" in out) == (2, True)


def test_a_worker_killed_while_it_changes_hosts_has_changed_nothing_twice(tmp_path: Path) -> None:
    """Each script that changes a machine has run once at most; whose worker was lost is told, and all others are prepared."""
    with site(tmp_path, HOSTS, "--seconds", "0.1", "--takes") as taking:
        preparing = begin(taking.config, *PREPARE)
        until(lambda: len(taking.taken()) > 60, "hosts are being changed")
        taking.kill(0)
        code, out, _ = preparing.end()
        found, taken = hosts_of(out, "Prepare nodes"), Counter(taking.taken())
        told = {name for name, host in found.items() if host["failed"]}
        scripts = Counter(line.split()[0] for line in taken)
        every = max(scripts.values())
        assert (code, len(found)) == (1, HOSTS)
        assert set(taken.values()) == {1}
        assert 0 < len(told) <= 4, "no more than the killed worker's threads had"
        for name in told:
            assert LOST.search(found[name]["error"])
            assert found[name]["error"].endswith(AGAIN)
        assert {name: scripts[name] for name in found if name not in told} == dict.fromkeys(set(found) - told, every)
        assert len({len(host["changes"]) for name, host in found.items() if name not in told}) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=("Ctrl-C", "SIGKILL"))
def test_a_run_that_ends_early_ends_on_its_workers_and_they_take_the_next_one(tmp_path: Path, number: int) -> None:
    with site(tmp_path, HOSTS, "--seconds", "0.2", "--takes") as taking:
        preparing = begin(taking.config, *PREPARE)
        until(lambda: len(taking.taken()) > 40, "hosts are being changed")
        preparing.process.send_signal(number)
        assert preparing.end()[0] == (130 if number == signal.SIGINT else -signal.SIGKILL)
        until(lambda: not any(map(taking.connections, range(2))), "all connections are closed")
        stands = taking.taken()
        assert 40 < len(stands) < 20 * HOSTS
        assert not list((taking.folder / "var").glob("known_hosts.*"))
        assert done(taking.config, "-m", "benchmarks.fleet.observe")[0] == 0
        assert taking.taken() == stands, "nothing went on meanwhile"
        assert all(one.poll() is None for one in taking.serving.workers)


def test_a_run_takes_the_lock_of_its_machines_before_it_changes_any(tmp_path: Path) -> None:
    """And without faults its changes are those of one in threads."""
    with site(tmp_path, HOSTS, "--takes") as taking:
        code, out, _ = done(taking.config, *PREPARE)
        locks = [line.endswith(LOCK) for line in taking.taken()]
        assert (locks[:HOSTS], any(locks[HOSTS:])) == ([True] * HOSTS, False), "all locks, and then the changes"
        in_threads = done(taking.threaded, *PREPARE)
        assert (code, without_times(out)) == (in_threads[0], without_times(in_threads[1])) == (0, without_times(out))
        assert set(Counter(taking.taken()).values()) == {2}, "each change once by each of the two runs"
        assert yaml.safe_load(out)["changed"] is True


def test_a_run_beside_another_one_changes_nothing_on_any_worker(tmp_path: Path) -> None:
    with site(tmp_path, HOSTS) as held:
        code, out, _ = done(held.config, *PREPARE)
        found = hosts_of(out, "Prepare nodes")
        assert code == 1
        assert all(
            "is changing this machine. Nothing was changed on any host" in host["error"] for host in found.values()
        )
        assert not any(host["changes"] for host in found.values())
        assert held.taken() == []
