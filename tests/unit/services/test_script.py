"""The script of a probing host, run by real shells against a server on the loopback."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tasks.services.answers import parse
from tasks.services.matrix import HTTP, Cell, Source, Target
from tasks.services.script import ADDRESSES, TCP_HEADERS, questions
from tests.conftest import unavailable

OUTSIDE = Source("outside", "client")
SHELLS = {"dash": ["dash", "-s"], "bash": ["bash", "-s"], "busybox": ["busybox", "sh", "-s"]}
MTU = 1450
TIMEOUT = 20  # a busy machine is no fault
LOST_PORT = 9  # discard: nobody answers there


class Server(ThreadingHTTPServer):
    """Answers as the workload does, and remembers how long each request was."""

    request_queue_size = 200
    lengths: list[int]


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        headers = sum(len(key) + len(value) + 4 for key, value in self.headers.items())
        self.server.lengths.append(len(self.requestline) + 2 + headers + 2)
        body = f"{self.client_address[0]}:{self.client_address[1]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Answers) as made:
        made.lengths = []
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def program(shell: str) -> list[str]:
    if not shutil.which(SHELLS[shell][0]):
        unavailable(f"no {shell}")
    return SHELLS[shell]


def run(shell: str, script: str, path: str | None = None) -> str:
    done = subprocess.run(
        program(shell),
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": path} if path else None,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_every_connection_is_counted_once(shell: str, server: Server) -> None:
    port = server.server_port
    cells = [
        Cell(OUTSIDE, Target("pod", "127.0.0.1", port), 2),
        Cell(OUTSIDE, Target("load-balancer", "127.0.0.1", port), 130),
        Cell(OUTSIDE, Target("local", "127.0.0.1", port), 8),
        Cell(OUTSIDE, Target("cluster-ip", "127.0.0.1", LOST_PORT), 8),
    ]
    found = parse(run(shell, questions(cells, seconds=60, timeout=TIMEOUT, mtu=MTU)["traffic"]))
    assert [found[number].seen for number in (0, 1, 2)] == [{"127.0.0.1": 2}, {"127.0.0.1": 130}, {"127.0.0.1": 8}]
    assert not any(found[number].failed for number in (0, 1, 2))
    assert found[3].seen == {}
    assert found[3].failed == {"no connection": 8}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_full_request_is_one_packet_of_the_paths_mtu(shell: str, server: Server) -> None:
    cell = Cell(OUTSIDE, Target("load-balancer", "127.0.0.1", server.server_port), 40, full=True)
    found = parse(run(shell, questions([cell], seconds=60, timeout=TIMEOUT, mtu=MTU)["traffic"]))[0]
    assert (found.size, found.seen) == (MTU, {"127.0.0.1": 40})
    assert set(server.lengths) == {MTU - TCP_HEADERS}


@pytest.mark.parametrize("further", [("timeout",), ()], ids=["with_timeout", "without"])
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_machine_with_wget_alone_does_as_well(
    server: Server, tmp_path: Path, further: tuple[str, ...], shell: str
) -> None:
    """Busybox' own, as a small router has it, which may not even have timeout(1)."""
    busybox = shutil.which("busybox") or unavailable("no busybox")
    for name in ("awk", "date", "sed", "wget", "sleep", "cat", "grep", "sort", *further):
        (tmp_path / name).symlink_to(busybox)
    cells = [
        Cell(OUTSIDE, Target("pod", "127.0.0.1", server.server_port), 5),
        Cell(OUTSIDE, Target("cluster-ip", "127.0.0.1", LOST_PORT), 3),
    ]
    script = questions(cells, seconds=60, timeout=TIMEOUT, mtu=MTU)["traffic"]
    found = parse(run(shell, f"PATH={tmp_path}\n{script}"))
    assert found[0].seen == {"127.0.0.1": 5}
    assert found[1].failed == {"no answer": 3}


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_whoever_does_not_answer_is_given_up_without_timeout_too(tmp_path: Path, shell: str) -> None:
    """A server that takes the connection and says nothing."""
    busybox = shutil.which("busybox") or unavailable("no busybox")
    for name in ("awk", "date", "sed", "wget", "sleep", "cat", "grep", "sort"):
        (tmp_path / name).symlink_to(busybox)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        cell = Cell(OUTSIDE, Target("pod", "127.0.0.1", silent.getsockname()[1]), 2)
        script = questions([cell], seconds=60, timeout=1, mtu=MTU)["traffic"]
        found = parse(run(shell, f"PATH={tmp_path}\n{script}"))
    assert found[0].seen == {}
    assert found[0].failed == {"no answer": 2}


def test_nothing_is_tried_when_the_time_is_up(server: Server) -> None:
    cell = Cell(OUTSIDE, Target("pod", "127.0.0.1", server.server_port), 5)
    assert parse(run("dash", questions([cell], seconds=0, timeout=TIMEOUT, mtu=MTU)["traffic"])) == {}
    assert server.lengths == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_machines_own_addresses_are_read_without_iproute2(shell: str) -> None:
    assert "127.0.0.1" in run(shell, ADDRESSES).split()


def test_from_a_pod_each_program_runs_in_its_network() -> None:
    cell = Cell(Source("pod", "worker-4", "10.33.26.2", 4711), Target("cluster-ip", "10.33.141.36", 8080))
    assert (
        "cell 0 2 10.33.141.36:8080 '' 'nsenter -t 4711 -n' &"
        in questions([cell], seconds=1, timeout=TIMEOUT, mtu=MTU)["traffic"]
    )
    assert HTTP == 80
