"""A small API server for tests: real HTTP, with or without TLS, that answers as API servers do at their worst."""

import http.client
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cluster_api.access import Access

DEADLINE = 30.0


class Server(socketserver.ThreadingTCPServer):
    """Answers lists from `items`, watches from `events`; each may be exchanged while it runs. A watch without events stays open."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None, *, patient: bool = False) -> None:
        self.items: dict[str, str] = {}
        self.listing: int = 200
        self.watching: int = 200
        self.ready = 200
        self.events: list[list[dict[str, Any]]] = []
        self.requests: list[str] = []
        self.asked: list[str] = []
        """What was asked for, path and query; how it was answered stands in `requests`."""
        self.writing: tuple[int, str] = (201, "")
        self.absent: set[str] = set()
        self.patient = patient
        self.answering = threading.Event()
        """Cleared, lists are not answered until it is set again."""
        self.answering.set()
        self._context = context
        super().__init__(("127.0.0.1", port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands first, where TLS is spoken."""
        if self._context is not None:
            request = self._context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone away."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body does not wait for the acknowledgement of the head, 40 ms

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = parse_qs(split.query)
        self.server.asked.append(unquote(self.path))
        if split.path == "/readyz":
            self._answer(self.server.ready, b"ok")
        elif "watch" in query:
            self.server.requests.append(f"watch {query['resourceVersion'][0]}")
            self._watch(float(query["timeoutSeconds"][0]))
        elif split.path in self.server.absent:
            self._answer(404, json.dumps({"message": "not found"}).encode())
        elif self.server.listing != 200:
            self.server.requests.append(f"list {self.server.listing}")
            self._answer(self.server.listing, json.dumps({"message": "no"}).encode())
        else:
            self.server.answering.wait(DEADLINE)
            self.server.requests.append("list")
            items = [item(name, version) for name, version in self.server.items.items()]
            self._answer(200, json.dumps({"metadata": {"resourceVersion": "10"}, "items": items}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code, message = self.server.writing
        self._answer(code, json.dumps({"message": message} if message else body).encode())

    def _watch(self, seconds: float) -> None:
        if self.server.watching != 200:
            self._answer(self.server.watching, json.dumps({"message": "no"}).encode())
            return
        if not self.server.patient:
            events = self.server.events.pop(0) if self.server.events else []
            if not events:
                time.sleep(0.05)  # a server's watch lasts for minutes; an empty one here must end, but not at once
            self._answer(200, b"".join(json.dumps(event).encode() + b"\n" for event in events))
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for event in self.server.events.pop(0) if self.server.events else []:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            time.sleep(0.02)  # between two looks for events

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


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    with server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


class Plain(http.client.HTTPConnection):
    """The server of most tests speaks no TLS."""

    def __init__(self, host: str, port: int, *, timeout: float, context: object) -> None:
        del context
        super().__init__(host, port, timeout=timeout)


class Reader(Access):
    """Who trusts nobody in particular, since nobody shows a certificate."""

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()


def until(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)  # the deadline is the wait; this keeps the loop from taking the whole processor
