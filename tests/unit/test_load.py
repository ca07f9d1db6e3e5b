"""The load of the drain's test: what the program tells of a server on loopback, and the verdict on it."""

import json
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.load import LOST, OUTCOMES, PROGRAM, Attempt, changes_of, judge

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


class Server(socketserver.ThreadingTCPServer):
    """Answers each connection with bytes, and closes it."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 256
    answer = WHOLE


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(self.server.answer)  # type: ignore[attr-defined]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def load(folder: Path) -> Callable[[int], list[Attempt]]:
    """The program on a port, for a second at most; gives what it tells."""

    def run(port: int, seconds: str = "0.5") -> list[Attempt]:
        file = folder / "report.json"
        subprocess.run([sys.executable, PROGRAM, "127.0.0.1", str(port), "100", seconds, file], check=True, timeout=120)
        return [Attempt(*one[:3], OUTCOMES[one[3]], one[4]) for one in json.loads(file.read_text())["attempts"]]

    return run


def test_a_server_that_answers(server: Server, load: Callable[[int], list[Attempt]]) -> None:
    attempts = load(server.server_address[1])
    assert {attempt.outcome for attempt in attempts} == {"answered"}
    assert 1 <= len(attempts) <= 50
    assert all(attempt.began <= attempt.connected <= attempt.ended for attempt in attempts)


@pytest.mark.parametrize(
    "answer", [b"", WHOLE[:-1], WHOLE.replace(b"200", b"503")], ids=["nothing", "a_part", "an_error"]
)
def test_an_answer_that_is_not_whole_is_a_broken_connection_and_no_lost_attempt(
    server: Server, load: Callable[[int], list[Attempt]], answer: bytes
) -> None:
    server.answer = answer
    attempts = load(server.server_address[1])
    assert {attempt.outcome for attempt in attempts} == {"broken"}
    assert not any(attempt.lost for attempt in attempts)


def test_a_port_where_nobody_listens_refuses(load: Callable[[int], list[Attempt]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, and not listening: nobody else has the port
        attempts = load(free.getsockname()[1])
    assert {attempt.outcome for attempt in attempts} == {"refused"}
    assert all(attempt.lost for attempt in attempts)


def test_nobody_answers_where_the_queue_is_full(load: Callable[..., list[Attempt]]) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        attempts = load(full.getsockname()[1], "0.1")
    assert "unanswered" in {attempt.outcome for attempt in attempts}


def attempt(outcome: str, began: float, ended: float) -> Attempt:
    return Attempt(began, began + 0.001, ended, outcome, 0)


@pytest.mark.parametrize("outcome", LOST)
def test_an_attempt_that_nobody_took_is_lost_also_at_a_change(outcome: str) -> None:
    verdict = judge([attempt(outcome, 100, 105), attempt("answered", 100, 100.01)], [100.0])
    assert [one.outcome for one in verdict.lost] == [outcome]
    assert verdict.moved == ((),)
    assert verdict.attempts == 2


@pytest.mark.parametrize(
    ("began", "ended", "moved", "broken"),
    [
        pytest.param(100.0, 100.01, (1, 0), 0, id="open_at_the_first_change"),
        pytest.param(149.0, 151.0, (0, 1), 0, id="open_at_the_second"),
        pytest.param(99.0, 99.5, (1, 0), 0, id="just_before_it_was_written_down"),
        pytest.param(90.0, 90.1, (0, 0), 1, id="long_before"),
        pytest.param(120.0, 130.0, (0, 0), 1, id="between_them"),
    ],
)
def test_a_connection_that_broke_belongs_to_the_change_that_it_was_open_at(
    began: float, ended: float, moved: tuple[int, ...], broken: int
) -> None:
    verdict = judge([attempt("broken", began, ended)], [100.0, 150.0])
    assert tuple(map(len, verdict.moved)) == moved
    assert len(verdict.broken) == broken
    assert verdict.lost == ()


MONITOR = """[2026-11-26T11:48:36.100000] 10.33.192.0/18 proto bgp metric 20 \n\tnexthop via 10.31.90.1 dev eth0 weight 1 \n
[2026-11-26T11:48:36.100100] Deleted 10.33.192.0/18 proto bgp metric 20 \n
[2026-11-26T11:48:36.200000] 10.33.5.0/24 via 10.31.90.4 dev eth0 proto bgp metric 20 \n
[2026-11-26T11:49:36.500000] 10.33.192.0/18 proto bgp metric 20 \n"""


def test_changes_of_a_prefix_are_read_from_what_ip_has_seen() -> None:
    first, second = changes_of(MONITOR, "10.33.192.0/18")
    assert second - first == pytest.approx(60.4, abs=0.01)
    assert len(changes_of(MONITOR, "10.33.5.0/24")) == 1
    assert changes_of("", "10.33.5.0/24") == []
