"""The live copy of a kind of object, against a server that behaves as API servers do at their worst."""

import http.client
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cluster_api import client as client_module
from cluster_api import watch as watch_module
from cluster_api.access import Access
from cluster_api.watch import Watch

DEADLINE = 5.0


class Server(socketserver.ThreadingTCPServer):
    """Answers lists from `items`, watches from `events`; each may be exchanged while it runs."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.listing: int = 200
        self.ready = 200
        self.events: list[list[dict[str, Any]]] = []
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body does not wait for the acknowledgement of the head, 40 ms

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = parse_qs(split.query)
        if split.path == "/readyz":
            self._answer(self.server.ready, b"ok")
        elif "watch" in query:
            self.server.requests.append(f"watch {query['resourceVersion'][0]}")
            events = self.server.events.pop(0) if self.server.events else []
            if not events:
                time.sleep(0.05)  # a server's watch lasts for minutes; an empty one here must end, but not at once
            self._answer(200, b"".join(json.dumps(event).encode() + b"\n" for event in events))
        elif self.server.listing != 200:
            self.server.requests.append(f"list {self.server.listing}")
            self._answer(self.server.listing, json.dumps({"message": "no"}).encode())
        else:
            self.server.requests.append("list")
            items = [item(name, version) for name, version in self.server.items.items()]
            self._answer(200, json.dumps({"metadata": {"resourceVersion": "10"}, "items": items}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


def item(name: str, version: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": version, "managedFields": [{"manager": "x"}]}}


def event(kind: str, name: str, version: str) -> dict[str, Any]:
    return {"type": kind, "object": item(name, version)}


class Plain(http.client.HTTPConnection):
    """The server of this test speaks no TLS."""

    def __init__(self, host: str, port: int, *, timeout: float, context: object) -> None:
        del context
        super().__init__(host, port, timeout=timeout)


class Reader(Access):
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(client_module, "Connection", Plain)
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE", "BREATH"):
        monkeypatch.setattr(watch_module, pause, 0.02)
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def watching(server: Server, tmp_path: Path) -> Iterator[Callable[[], Watch]]:
    (tmp_path / "token").write_text("secret")
    access = Reader("127.0.0.1", server.server_address[1], tmp_path)
    started: list[Watch] = []

    def start() -> Watch:
        started.append(Watch(access, "/api/v1/things", threading.Event()).start())
        return started[-1]

    yield start
    for watch in started:
        watch.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)  # the deadline is the wait; this keeps the loop from taking the whole processor


def names(watch: Watch) -> list[str]:
    return [thing["metadata"]["name"] for thing in watch.objects()]


def test_objects_are_listed_then_followed(server: Server, watching: Callable[[], Watch]) -> None:
    server.items = {"a": "1", "b": "2"}
    server.events = [[event("ADDED", "c", "11"), event("DELETED", "a", "12"), event("BOOKMARK", "", "20")]]
    watch = watching()
    until(lambda: names(watch) == ["b", "c"])
    until(lambda: "watch 20" in server.requests)
    assert server.requests[:2] == ["list", "watch 10"]
    assert [thing for thing in watch.objects() if "managedFields" in thing["metadata"]] == []


def test_an_expired_version_is_listed_anew(server: Server, watching: Callable[[], Watch]) -> None:
    server.items = {"a": "1"}
    server.events = [[{"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}]]
    watch = watching()
    until(lambda: server.requests.count("list") == 2)
    until(lambda: server.requests[-1] == "watch 10")
    assert names(watch) == ["a"]


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_server_that_refuses_takes_nothing_away(server: Server, watching: Callable[[], Watch], status: int) -> None:
    server.items = {"a": "1"}
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.listing = status
    server.events = [[{"type": "ERROR", "object": {"code": 410}}]]
    until(lambda: server.requests.count(f"list {status}") >= 3)
    assert names(watch) == ["a"]
    server.items, server.listing = {"b": "2"}, 200
    until(lambda: names(watch) == ["b"])


def test_an_api_that_is_gone_has_no_objects(server: Server, watching: Callable[[], Watch]) -> None:
    server.items = {"a": "1"}
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.listing = 404
    server.events = [[{"type": "ERROR", "object": {"code": 410}}]]
    until(lambda: names(watch) == [])
    assert watch.listed


def test_a_server_that_has_just_started_knows_no_api_and_takes_nothing_away(
    server: Server, watching: Callable[[], Watch]
) -> None:
    server.items = {"a": "1"}
    watch = watching()
    until(lambda: names(watch) == ["a"])
    server.listing, server.ready = 404, 500
    server.events = [[{"type": "ERROR", "object": {"code": 410}}]]
    until(lambda: server.requests.count("list 404") >= 3)
    assert names(watch) == ["a"]


def test_an_api_that_does_not_exist_yet_is_found_when_it_comes(server: Server, watching: Callable[[], Watch]) -> None:
    server.listing = 404
    watch = watching()
    until(lambda: watch.listed)
    assert names(watch) == []
    server.items, server.listing = {"a": "1"}, 200
    until(lambda: names(watch) == ["a"])


def test_a_refusal_is_an_answer_but_no_list(server: Server, watching: Callable[[], Watch]) -> None:
    server.listing = 403
    watch = watching()
    until(lambda: watch.answered)
    assert not watch.listed
