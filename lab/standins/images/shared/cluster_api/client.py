"""Requests to the API server, one at a time over one kept connection."""

import http.client
import json
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from cluster_api.access import Access, Connection
from cluster_api.objects import Json

REQUEST_TIMEOUT = 15.0
KEPT_SECONDS = 5.0
"""Then a new connection is made: the server may have closed the kept one, and no write shall find that out."""
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"  # JSON is YAML too

UNREACHABLE = (OSError, http.client.HTTPException)
"""What a request raises when the API server cannot be asked (ssl.SSLError is an OSError)."""


class ApiError(Exception):
    """The API server's own refusal, with the Status object that it sent where it sent one."""

    def __init__(self, code: int, message: str, status: Json | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status


class Client:
    """Speaks for one service account. Not for use by several threads at once."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._trust = access.trust()
        self._connection: Connection | None = None
        self._used = 0.0

    def get(self, path: str, **query: str) -> Json:
        """Read an object or a list."""
        return self._request("GET", _with_query(path, query))

    def find(self, path: str) -> Json | None:
        """Read an object, or nothing where there is none (or no such API yet)."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def create(self, path: str, item: Json) -> Json:
        """Write an object that must not exist yet; the path is the one of its list."""
        return self._request("POST", path, item)

    def replace(self, path: str, item: Json) -> Json:
        """Write the whole of an object; its version makes the server refuse where somebody was faster."""
        return self._request("PUT", path, item)

    def patch(self, path: str, change: Json, kind: str = MERGE_PATCH, manager: str = "") -> Json:
        """Change the named fields of an object."""
        return self._request("PATCH", _with_query(path, {"fieldManager": manager} if manager else {}), change, kind)

    def apply(self, path: str, item: Json | str, manager: str) -> Json:
        """Apply on the server's side, an object or its YAML; the manager takes the fields over from whoever had them."""
        query = _with_query(path, {"fieldManager": manager, "force": "true"})
        return self._request("PATCH", query, item, APPLY_PATCH)

    def delete(self, path: str, uid: str) -> None:
        """Delete that very object, not one of the same name that came after it."""
        self._request("DELETE", path, {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": uid}})

    def _request(self, method: str, path: str, body: Json | str | None = None, kind: str = "application/json") -> Json:
        if time.monotonic() - self._used > KEPT_SECONDS:
            self.close()
        try:
            answer: Any = json.loads(self._exchange(method, path, body, kind))
        except UNREACHABLE:
            self.close()
            raise
        return dict(answer)

    def demand_ready(self) -> None:
        """Raise ApiError where the server that is spoken to has not finished its start."""
        self._exchange("GET", "/readyz", None, "application/json")

    def _exchange(self, method: str, path: str, body: Json | str | None, kind: str) -> bytes:
        connection = self._connection or self.connect(REQUEST_TIMEOUT)
        self._connection = connection
        payload = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, path, payload and payload.encode(), self.headers() | {"Content-Type": kind})
        response = connection.getresponse()
        text = response.read()
        self._used = time.monotonic()
        if response.will_close:
            self.close()
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise refusal(response.status, text)
        return text

    def connect(self, timeout: float) -> Connection:
        """Make a connection of the caller's own, for a watch."""
        return Connection(self._access.host, self._access.port, timeout=timeout, context=self._trust)

    def headers(self) -> dict[str, str]:
        """Say who asks."""
        return {"Authorization": f"Bearer {self._access.token()}", "Accept": "application/json"}

    def close(self) -> None:
        """Let the kept connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def refusal(code: int, text: bytes) -> ApiError:
    """Take the message from a Status object, or the text where a proxy answered."""
    try:
        status = json.loads(text)
        return ApiError(code, str(status["message"]), status)
    except (ValueError, KeyError, TypeError):
        return ApiError(code, text.decode(errors="replace")[:200])


def _with_query(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
