"""A live copy of one kind of object: listed once, then kept by a watch, as client-go's informers do."""

import json
import logging
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlencode

from cluster_api.access import Access, Connection
from cluster_api.backoff import Backoff
from cluster_api.client import REQUEST_TIMEOUT, UNREACHABLE, ApiError, Client, refusal
from cluster_api.objects import Json, qualified_name

WATCH_SECONDS = (180, 300)
"""A server ends a watch after this time; drawn anew each time so that not all of a cluster come back at once."""
BREATH = 0.2
"""Between two watches, so that a server that ends each of them at once is not asked in a tight loop."""

_DICE = random.SystemRandom()
log = logging.getLogger(__name__)


class Watch:
    """The objects under one path. Tells `changed` when they differ; keeps what it knows while no server answers."""

    def __init__(self, access: Access, path: str, changed: threading.Event, field_selector: str = "") -> None:
        self._client = Client(access)
        self._path = path
        self._selection = {"fieldSelector": field_selector} if field_selector else {}
        self._changed = changed
        self._lock = threading.Lock()
        self._objects: dict[str, Json] = {}
        self._listed = threading.Event()
        self._refused = threading.Event()
        self._stopped = threading.Event()
        self._open: Connection | None = None
        self._version = ""
        self._trouble = ""

    def start(self) -> "Watch":
        """Watch in a thread of its own."""
        threading.Thread(target=self._run, name=self._path, daemon=True).start()
        return self

    def stop(self) -> None:
        """End at once, also where a watch is open; tell nothing any more."""
        self._stopped.set()
        connection = self._open
        if connection is not None and connection.sock is not None:
            with suppress(OSError):  # the other end was faster
                # The plain socket's way: the thread that reads sees the end, and keeps the TLS state that it is reading with.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def objects(self) -> list[Json]:
        """List what is known in order of names. Shared with the watch: to be read only."""
        with self._lock:
            return [self._objects[key] for key in sorted(self._objects)]

    @property
    def listed(self) -> bool:
        """Say whether a server has answered at least once; also true when it said that there is no such API."""
        return self._listed.is_set()

    @property
    def answered(self) -> bool:
        """Say whether a server has answered at all, if only to refuse."""
        return self._listed.is_set() or self._refused.is_set()

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._follow()
                backoff.succeeded()
                self._stopped.wait(BREATH)
            except (*UNREACHABLE, ApiError, ValueError) as error:
                self._suffer(error)
                self._stopped.wait(backoff.failed())

    def _suffer(self, error: Exception) -> None:
        """Decide what is still known after an error, and say it once."""
        self._client.close()
        if self._stopped.is_set():
            return
        if isinstance(error, ApiError):
            self._version = ""  # expired (410), gone (404), forbidden (403): a new list will tell
            if not self._refused.is_set():
                self._refused.set()
                self._tell()
        trouble = f"{type(error).__name__}: {error}"
        if trouble != self._trouble:
            log.warning("%s: %s", self._path, trouble)
            self._trouble = trouble

    def _list(self) -> None:
        try:
            answer = self._client.get(self._path, **self._selection)
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                self._confirm_absence()
            raise
        self._replace({qualified_name(item): _lean(item) for item in answer["items"]})
        self._version = str(answer["metadata"]["resourceVersion"])
        self._trouble = ""

    def _confirm_absence(self) -> None:
        """Forget the objects of an API that is gone, but not when the server has just not learned of it yet.

        A server that starts answers 404 for custom resources until it has read their definitions, and says itself
        when it has.
        """
        self._client.demand_ready()
        if self._client.find(self._path) is None:
            self._replace({})

    def _replace(self, objects: dict[str, Json]) -> None:
        with self._lock:
            different = objects != self._objects
            self._objects = objects
        if different or not self._listed.is_set():
            self._listed.set()
            self._tell()

    def _follow(self) -> None:
        for event in self._events():
            kind, item = event["type"], event["object"]
            if kind == "ERROR":
                raise ApiError(int(item.get("code", 500)), str(item.get("message", item)))
            self._version = str(item["metadata"]["resourceVersion"])
            if kind == "BOOKMARK" or self._stopped.is_set():
                continue
            with self._lock:
                if kind == "DELETED":
                    self._objects.pop(qualified_name(item), None)
                else:
                    self._objects[qualified_name(item)] = _lean(item)
            self._tell()

    def _events(self) -> Iterator[Json]:
        seconds = _DICE.randint(*WATCH_SECONDS)
        query = self._selection | {
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        connection = self._open = self._client.connect(REQUEST_TIMEOUT)
        try:
            connection.request("GET", f"{self._path}?{urlencode(query)}", headers=self._client.headers())
            response = connection.getresponse()
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise refusal(response.status, response.read())
            self._client.close()  # the list's connection would only lie idle until the next list
            if connection.sock is not None:  # handed to the response where the server will close
                connection.sock.settimeout(seconds + REQUEST_TIMEOUT)
            while not self._stopped.is_set() and (line := response.readline()):
                yield json.loads(line)
        finally:
            self._open = None
            connection.close()

    def _tell(self) -> None:
        if not self._stopped.is_set():
            self._changed.set()


def _lean(item: Json) -> Json:
    """Drop the record of field managers, which is most of a small object and of no use here."""
    item["metadata"].pop("managedFields", None)
    return item
