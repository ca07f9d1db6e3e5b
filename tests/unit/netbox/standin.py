"""A stand-in for NetBox and Nautobot on the loopback address: it gives out lists of JSON, paged and filtered as there. It is neither."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubepeer.sources.answers import slug

TOKEN = "nbt_Zr4tU7wXyA1b.0f1e2d3c4b5a69788796a5b4c3d2e1f001234567"
LISTS = {
    "dcim/devices",
    "ipam/ip-addresses",
    "ipam/prefixes",
    "ipam/asns",
    "dcim/sites",
    "dcim/locations",
    "dcim/racks",
}


class Standin(ThreadingHTTPServer):
    """What it has, what it was asked, and how it is unwell.

    Attributes:
        lists: path below /api -> objects.
        largest: objects in a page, whatever is asked for (MAX_PAGE_SIZE).
        authorization: that it takes.
        instead: path -> what it answers in the place of a list: (status, headers, body); a number: after so many seconds.
        after_page: called when a page was given out.
        asked: path and query of each request.

    """

    daemon_threads = True

    def __init__(self, lists: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lists = lists
        self.largest = 1000
        self.authorization = f"Bearer {TOKEN}"
        self.version = "4.7"
        self.instead: dict[str, Any] = {}
        self.after_page: Any = lambda: None
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.ended = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Standin

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path, query = parts.path.removeprefix("/api/").strip("/"), parse_qs(parts.query)
        self.server.asked.append((path, query))
        if self.headers.get("Authorization") != self.server.authorization:
            self._say(403, {"detail": "Invalid v2 token"})
            return
        instead = self.server.instead.get(path)
        if isinstance(instead, float):
            self.server.ended.wait(instead)
        elif instead is not None:
            status, headers, body = instead
            self._say(status, body, headers)
            return
        if path not in LISTS:
            self._say(404, {"detail": "Not found."})
            return
        every = [one for one in self.server.lists.get(path, []) if _passes(one, query)]
        limit = min(int(query.get("limit", ["50"])[0]), self.server.largest)
        offset = int(query.get("offset", ["0"])[0])
        page, more = every[offset : offset + limit], offset + limit < len(every)
        link = f"https://elsewhere.example.org/api/{path}/?limit={limit}&offset={offset + limit}" if more else None
        self._say(200, {"count": len(every), "next": link, "previous": None, "results": page})
        self.server.after_page()

    def _say(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {
            "Content-Type": "application/json",
            "API-Version": self.server.version,
            **(headers or {}),
        }.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its name there
        """Nothing on standard error."""


def _passes(thing: dict[str, Any], query: dict[str, list[str]]) -> bool:
    """The filters that the readers use; others filter nothing, as NetBox has it."""
    interfaces = [thing.get("assigned_object") or {}, *(thing.get("interfaces") or ())]
    holders = {str(one["device"]["id"]) for one in interfaces if one.get("device")}
    has = {
        "id": {str(thing["id"])},
        "tag": {slug(tag) for tag in thing.get("tags") or ()},
        "role": {slug(thing.get("role"))},
        "status": {(thing.get("status") or {}).get("value")},
        "device_id": holders,
    }
    return all(has[key] & {*values} for key, values in query.items() if key in has)


@contextmanager
def standing(lists: dict[str, list[dict[str, Any]]]) -> Iterator[Standin]:
    """A stand-in that answers until the block is left."""
    server = Standin(lists)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
