"""What is behind: objects of crd.projectcalico.org/v1, read and written for one request after another."""

import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from cluster_api.access import Access
from cluster_api.client import REQUEST_TIMEOUT, ApiError, Client, refusal
from cluster_api.objects import Json, name

from calico_apiserver import refusals
from calico_apiserver.kinds import Kind, kept, shown


class Store:
    """Speaks for the server's own account; kube-apiserver has decided before who may ask."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._threads = threading.local()

    @property
    def client(self) -> Client:
        """A client of this thread's own."""
        if not hasattr(self._threads, "client"):
            self._threads.client = Client(self._access)
        found: Client = self._threads.client
        return found

    def find(self, kind: Kind, title: str) -> Json | None:
        """Read an object."""
        found = self.client.find(f"{kind.path}/{title}")
        return shown(found, kind) if found else None

    def list(self, kind: Kind, query: dict[str, str]) -> Json:
        """Read a list."""
        answer = self.client.get(kind.path, **query)
        return {"metadata": answer["metadata"], "items": [shown(item, kind) for item in answer["items"]]}

    def create(self, kind: Kind, item: Json) -> Json:
        """Write an object that must not exist yet."""
        return self._write(kind, item, lambda body: self.client.create(kind.path, body))

    def replace(self, kind: Kind, item: Json) -> Json:
        """Write an object in place of the one of the same version."""
        return self._write(kind, item, lambda body: self.client.replace(f"{kind.path}/{name(item)}", body))

    def delete(self, kind: Kind, title: str) -> None:
        """Delete an object."""
        found = self.client.get(f"{kind.path}/{title}")
        self.client.delete(f"{kind.path}/{title}", found["metadata"]["uid"])

    def watch(self, kind: Kind, query: dict[str, str]) -> Iterator[Json]:
        """Follow a kind; what is not an object of it (an error) is handed on as it is."""
        seconds = float(query.get("timeoutSeconds") or 0) or 300.0
        connection = self.client.connect(REQUEST_TIMEOUT)
        try:
            path = f"{kind.path}?{urlencode(query | {'watch': 'true', 'timeoutSeconds': str(int(seconds))})}"
            connection.request("GET", path, headers=self.client.headers())
            response = connection.getresponse()
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise refusal(response.status, response.read())
            if connection.sock is not None:
                connection.sock.settimeout(seconds + REQUEST_TIMEOUT)
            while line := response.readline():
                event: Json = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED", "DELETED"}:
                    event["object"] = shown(event["object"], kind)
                elif event["type"] == "BOOKMARK":
                    event["object"] |= {"apiVersion": "projectcalico.org/v3", "kind": kind.kind}
                yield event
        finally:
            connection.close()

    def _write(self, kind: Kind, item: Json, write: Any) -> Json:
        try:
            return shown(write(kept(item, kind)), kind)
        except ApiError as error:
            words = str((error.status or {}).get("message", error))
            if error.code == HTTPStatus.CONFLICT:
                existing = (error.status or {}).get("reason") == "AlreadyExists"
                raise (refusals.exists if existing else refusals.changed)(kind.resource, name(item)) from error
            if error.code == HTTPStatus.NOT_FOUND:
                raise refusals.absent(kind.resource, name(item)) from error
            if error.code in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_REQUEST}:
                raise refusals.broken_rule(words) from error
            raise
