"""verify_routes.py --watch: a router behind a real SSH server with recorded answers, the cluster behind a real API server."""

import io
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import paramiko
import pytest
from rich.console import Console

from kubepeer.display import Display
from kubepeer.errors import KubepeerError
from kubepeer.inventory import build_nornir
from kubepeer.opening import know_hosts
from kubepeer.outcome import PhaseOutcome
from kubepeer.report import exit_code
from kubepeer.run import Options, Run
from kubepeer.streams import OutlivingReader
from tasks.cluster.access import API
from tasks.cluster.api import KubernetesApi
from tasks.routes import pace, watch, watching
from tasks.routes.cluster import STORED
from tests.unit.cluster.api_server import ApiServer
from tests.unit.platforms.recordings import BLOCKS, NODES, answers
from tests.unit.ssh_server import Served, serving

ROUTER, OTHER = "openwrt", "tiny-unraid"
PATIENCE = 120.0  # seconds until a change that does not come is given up
# In the place of the router's shell: to each question of the script on standard input the recorded answer; to a question that the
# recordings are too young for, that flows are spread by their ports.
ROUTERS_SHELL = """#!{python} -SE
import json, os, re, sys, time
script = sys.stdin.read()
with open({answers!r}) as file:
    given = json.load(file)
if "silence" in given:
    time.sleep(given["silence"])
    sys.exit(0)
mark = re.search(r"@@kubepeer-[0-9a-f]+", script)[0]
for name in re.findall(r"say answer '?([^'$]*?)'? \\$\\?", script):
    code, text = given.get(name, (0, "1"))
    print(f"{{mark}} answer {{name}} {{code}}\\n{{text}}\\n{{mark}}")
"""


class World:
    """What is watched, what is told of it, and how it is changed."""

    def __init__(self, folder: Path, served: Served, server: ApiServer) -> None:
        self.folder, self.served, self.api = folder, served, server.state
        self.api.raw["/readyz"] = (200, "ok")
        nodes = [self.node(address) for address in NODES]
        self.api.objects["/api/v1/nodes"] = {"items": nodes}
        networks = {
            "serviceClusterIPs": [{"cidr": "10.33.128.0/18"}],
            "serviceExternalIPs": [{"cidr": "10.33.192.0/18"}],
        }
        self.api.objects[f"{STORED}/bgpconfigurations/default"] = {"spec": networks}
        self.api.objects[f"{STORED}/blockaffinities"] = {"items": [self.block(*one) for one in BLOCKS.items()]}
        self.router_has("healthy")

    @staticmethod
    def node(address: Any) -> dict[str, Any]:
        addresses = [{"type": "InternalIP", "address": str(address)}]
        return {"metadata": {"name": f"node-{address}"}, "status": {"addresses": addresses}}

    @staticmethod
    def block(octet: int, node: int) -> dict[str, Any]:
        return {"spec": {"cidr": f"10.33.{octet}.0/24", "node": f"node-{NODES[node - 1]}", "state": "confirmed"}}

    def router_has(self, recording: str) -> None:
        """From now on the router answers so."""
        given = {name: (answer.code, answer.text) for name, answer in answers(recording).items()}
        self._write(given | {"lookups": (0, "")})  # they are told in the order of questions that are others here

    def router_is_silent(self, seconds: float) -> None:
        """From now on it takes questions, and does not answer."""
        self._write({"silence": seconds})

    def _write(self, given: Any) -> None:
        fresh = self.folder / "answers.new"
        fresh.write_text(json.dumps(given), encoding="utf-8")
        fresh.replace(self.folder / "answers.json")


@dataclass
class Person(threading.Thread):
    """Somebody who reads what is told, and does one thing after the other when it has been: the last is Ctrl-C."""

    read: Callable[[], str]
    steps: list[tuple[str, Callable[[], object]]]
    missed: str = ""
    seen: str = field(default="", init=False)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        for words, do in self.steps:
            ends = time.monotonic() + PATIENCE
            while words not in self.read()[len(self.seen) :] and not self.missed:
                if time.monotonic() > ends:
                    self.missed = words
                time.sleep(0.01)  # a text tells nobody that it has grown
            text = self.read()
            self.seen = text[: text.find(words, len(self.seen)) + len(words)]
            if self.missed:
                break
            do()
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def world(tmp_path: Path, server: ApiServer) -> Iterator[World]:
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "own_key"))
    (tmp_path / "bin").mkdir()
    shell = tmp_path / "bin/sh"
    shell.write_text(ROUTERS_SHELL.format(python=sys.executable, answers=str(tmp_path / "answers.json")))
    shell.chmod(0o755)
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with ExitStack() as stack:
        served = Served(paramiko.ECDSAKey.generate(), keys={"root": [key]}, environment=environment)
        yield World(tmp_path, stack.enter_context(serving(served)), server)


@dataclass
class Watched:
    """A watch that has ended."""

    outcomes: list[PhaseOutcome]
    text: str
    code: int

    def has(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in self.text.splitlines())


@pytest.fixture
def watched(
    project: Any, intent_of: Any, world: World, connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Watched]:
    """Watch the router; the steps are what is waited for in the text, and what is done then. After the last one: Ctrl-C."""
    monkeypatch.setattr(pace, "SHORTEST_SECONDS", 0.05)
    monkeypatch.setattr(pace, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(watching, "API_SECONDS", 0.05)

    def start(
        *steps: tuple[str, Callable[[], object]],
        seconds: float = math.inf,
        as_json: bool = False,
        terminal: bool = False,
        **further: Any,
    ) -> Watched:
        settings = project(
            hosts={
                ROUTER: {
                    "hostname": world.served.address[0],
                    "port": world.served.address[1],
                    "data": {"address": "10.31.254.253"},
                    "connection_options": {"netmiko": {"extras": {"key_file": "own_key", "allow_agent": False}}},
                }
            },
            config={"user_defined": {"known_hosts": "known_hosts", "host_keys": "accept-new"}},
        )
        nornir = build_nornir(settings)
        for name in [name for name in nornir.inventory.hosts if name != ROUTER]:
            del nornir.inventory.hosts[name]
        options = Options(further={"intent": "cluster", "watch": seconds} | further, as_json=as_json)
        run = Run(intent_of(), settings, options, nornir, frozenset({ROUTER}), filtered=True)
        know_hosts(run, Console(file=io.StringIO()))
        run.keep(API, connected)
        told = io.StringIO()
        monkeypatch.setattr(sys, "stdout", told)
        console = Console(file=io.StringIO() if as_json else told, width=200, height=40, force_terminal=terminal)
        person = Person(told.getvalue, list(steps))
        if steps:
            person.start()
        with nornir, Display(console, run.redactor) as display:
            outcomes = watch.watch(run, display, seconds)
        assert not person.missed, f"not told within {PATIENCE:.0f} s: {person.missed!r}:\n{told.getvalue()}"
        return Watched(outcomes, told.getvalue(), exit_code(outcomes, changes_count=False))

    return start


def nothing() -> None:
    """Only Ctrl-C comes after it."""


def test_a_change_is_told_with_its_time_its_layers_and_its_cause_and_ctrl_c_ends_with_the_last_state(
    world: World, watched: Callable[..., Watched]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    found = watched(
        ("6 of 6 sessions, 8 prefixes right", lambda: world.router_has("peer-disabled")),
        ("10.33.93.0/24 is gone; it was by 10.31.90.6 (bgp, rib, kernel)", nothing),
    )
    assert found.code == 1
    (lost,) = [line for line in found.text.splitlines() if "session 10.31.90.6" in line]
    moment, mark, rest = lost.split(maxsplit=2)
    assert datetime.fromisoformat(moment).utcoffset() is not None
    assert mark == "x"
    assert rest.startswith(
        "openwrt: session 10.31.90.6: Established -> Idle: Cease/Administrative Shutdown, sent by the node, "
    )
    assert found.has("10.33.128.0/18 without 10.31.90.6 (bgp, rib, kernel)", "Cease/Administrative Shutdown")
    assert signal.getsignal(signal.SIGINT) is before
    assert len(world.served.logins) == 1, "one connection, however often it is asked"


def test_what_is_well_again_is_told_and_the_exit_code_is_of_the_last_state(
    world: World, watched: Callable[..., Watched]
) -> None:
    world.router_has("peer-disabled")
    found = watched(
        ("5 of 6 sessions, 3 of 8 prefixes wrong", lambda: world.router_has("healthy")),
        ("ok openwrt: 10.33.93.0/24 is new, by 10.31.90.6", nothing),
    )
    assert found.code == 0
    assert found.has("ok openwrt: session 10.31.90.6: ", "-> Established")
    assert found.has("x  openwrt: 10.33.93.0/24: missing 10.31.90.6 (bgp, rib, kernel)"), (
        "how it stood at the beginning"
    )


def test_a_router_that_is_silent_is_a_state_and_is_asked_by_another_connection(
    world: World, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SILENT_SECONDS", 2.0)
    found = watched(
        ("6 of 6 sessions", lambda: world.router_is_silent(120)),
        ("x  openwrt: cannot be read: no end after 2 s", lambda: world.router_has("peer-disabled")),
        ("openwrt: can be read again: 5 of 6 sessions", nothing),
    )
    assert found.code == 1
    assert found.has("session 10.31.90.6: Established -> "), "what has changed in the meantime is told"
    assert len(world.served.logins) >= 2


def test_a_connection_that_is_lost_is_opened_again(world: World, watched: Callable[..., Watched]) -> None:
    found = watched(("6 of 6 sessions", world.served.cut), ("can be read again: 6 of 6 sessions", nothing))
    assert found.code == 0
    assert found.has("x  openwrt: cannot be read: the SSH connection was lost")


def test_a_router_that_cannot_be_reached_at_the_end_is_exit_code_3(
    world: World, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SILENT_SECONDS", 2.0)
    found = watched(("6 of 6 sessions", lambda: refuse(world)), ("cannot be read", nothing))
    assert found.code == 3


def refuse(world: World) -> None:
    """Nobody may log in any more, and who is in is out."""
    world.served.keys = {}
    world.served.cut()


def test_an_api_that_is_down_is_told_and_what_it_said_last_is_what_is_compared_with(
    world: World, watched: Callable[..., Watched]
) -> None:
    def fail() -> None:
        world.api.raw["/readyz"] = (500, "[-]etcd failed")

    def mend() -> None:
        world.api.objects[f"{STORED}/blockaffinities"]["items"].append(world.block(77, 3))
        world.api.raw["/readyz"] = (200, "ok")

    found = watched(
        ("6 of 6 sessions, 8 prefixes right", fail),
        (
            "x  the API: does not answer; routers are judged by what it said last",
            lambda: world.router_has("peer-disabled"),
        ),
        ("10.33.93.0/24 is gone", mend),
        ("ok the API: the cluster announces 10.33.77.0/24 by 10.31.90.3 now (pod block of node-10.31.90.3)", nothing),
        ("x  openwrt: 10.33.77.0/24: missing 10.31.90.3 (bgp, rib, kernel)", nothing),
    )
    assert found.has("ok the API: answers again")
    assert found.code == 1
    assert len(found.outcomes) == 1


def test_an_api_that_is_down_at_the_end_is_exit_code_3_though_the_routers_are_well(
    world: World, watched: Callable[..., Watched]
) -> None:
    def fail() -> None:
        world.api.raw["/readyz"] = (500, "[-]etcd failed")

    found = watched(("6 of 6 sessions", fail), ("the API: does not answer", nothing))
    assert found.code == 3
    assert [host.failed for host in found.outcomes[0].hosts.values()] == [False]


def test_an_api_that_is_down_at_the_beginning_ends_it_with_the_way_to_do_without(
    world: World, watched: Callable[..., Watched]
) -> None:
    world.api.raw["/readyz"] = (500, "[-]etcd failed")
    with pytest.raises(KubepeerError, match="--intent inventory") as raised:
        watched(seconds=PATIENCE)
    assert raised.value.exit_code == 3


def test_by_the_inventory_alone_the_api_is_not_asked(world: World, watched: Callable[..., Watched]) -> None:
    world.api.raw["/readyz"] = (500, "[-]etcd failed")
    found = watched(
        ("6 of 6 sessions, 3 prefixes right", lambda: world.router_has("peer-disabled")),
        ("x  openwrt: 10.33.0.0/17 without 10.31.90.6 (bgp, rib, kernel)", nothing),
        intent="inventory",
    )
    assert found.code == 1
    assert found.has("--intent inventory: IPv4 pod blocks are not compared")
    assert not world.api.requests


def test_in_json_each_change_is_an_object_on_a_line(world: World, watched: Callable[..., Watched]) -> None:
    found = watched(
        ("6 of 6 sessions", lambda: world.router_has("peer-disabled")), ("10.33.93.0/24 is gone", nothing), as_json=True
    )
    told = [json.loads(line) for line in found.text.splitlines()]
    assert (told[0]["event"], told[0]["host"], told[0]["ok"]) == ("state", ROUTER, True)
    changes = {(one["kind"], one["subject"]): one for one in told[1:]}
    assert {one["event"] for one in told[1:]} == {"change"}
    assert changes["session", "10.31.90.6"]["ok"] is False
    gone = changes["route", "10.33.93.0/24"]
    assert (gone["layers"], gone["ok"]) == (["bgp", "rib", "kernel"], False)
    assert "Cease/Administrative Shutdown" in gone["cause"]


def test_on_a_terminal_a_table_stands_below_the_changes_and_both_are_told_at_the_same_time(
    world: World, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "interval", lambda *_: 0.01)
    steps: list[tuple[str, Callable[[], object]]] = [("6 of 6 sessions, 8 prefixes right", nothing)]
    for _ in range(4):
        steps += [
            ("6 of 6 sessions established", lambda: world.router_has("peer-disabled")),
            ("is gone; it was by 10.31.90.6", nothing),
            ("5 of 6 sessions established", lambda: world.router_has("healthy")),
            ("is new, by 10.31.90.6", nothing),
        ]
    found = watched(*steps, terminal=True)
    assert found.has("watching 1 router, each every ")
    assert found.code == 0


def test_it_ends_by_itself_after_the_seconds_that_were_asked_for(watched: Callable[..., Watched]) -> None:
    began = time.monotonic()
    found = watched(seconds=0.5)
    assert found.outcomes[0].seconds >= 0.5
    assert time.monotonic() - began < PATIENCE


def test_it_ends_when_nobody_reads_any_more(
    world: World, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = OutlivingReader(io.StringIO())
    gone.reader_gone = True
    monkeypatch.setattr(watching, "nobody_reads", lambda: gone.reader_gone)
    assert watched().outcomes[0].hosts[ROUTER].failed, "it had not answered"


def test_questions_to_one_router_never_overlap(
    world: World, watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[int] = []
    most: list[int] = []
    really = watching.findings_of

    def counted(*arguments: Any) -> Any:
        at_work.append(1)
        most.append(len(at_work))
        try:
            return really(*arguments)
        finally:
            at_work.pop()

    monkeypatch.setattr(watching, "findings_of", counted)
    monkeypatch.setattr(pace, "interval", lambda *_: 0.0)
    watched(
        ("6 of 6 sessions", lambda: world.router_has("peer-disabled")),
        ("session 10.31.90.6", lambda: world.router_has("healthy")),
        ("-> Established", nothing),
    )
    assert len(most) >= 3
    assert max(most) == 1


def test_a_fault_of_ours_ends_the_watch_and_is_not_lost_in_a_thread(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(watching, "findings_of", crash)
    with pytest.raises(RuntimeError, match="boom"):
        watched(seconds=PATIENCE)
