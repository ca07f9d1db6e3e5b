"""One request and its answer, as the service sees them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cluster_api.objects import Json

from calico_apiserver.refusals import RefusalError


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    content: str = ""
    accept: str = ""
    agent: str = ""

    @classmethod
    def read(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> "Request":
        """Read a request.

        Raises:
            RefusalError: the body is no JSON.

        """
        split = urlsplit(target)
        try:
            read = json.loads(body) if body else None
        except ValueError as error:
            raise RefusalError(HTTPStatus.BAD_REQUEST, f"only JSON is read here (it is YAML, too): {error}") from error
        content = headers.get("Content-Type", "").partition(";")[0].strip()
        accept, agent = headers.get("Accept", ""), headers.get("User-Agent", "")
        return cls(method, split.path.rstrip("/"), dict(parse_qsl(split.query)), read, content, accept, agent)

    @property
    def dry(self) -> bool:
        """Whether nothing is to be kept."""
        return self.query.get("dryRun") == "All"

    @property
    def partial(self) -> bool:
        """Whether metadata is all that is asked for, as the garbage collector does."""
        return "as=PartialObjectMetadata" in self.accept

    @property
    def manager(self) -> str:
        """Who writes: as told, or the program's name."""
        return self.query.get("fieldManager") or self.agent.partition("/")[0] or "unknown"


@dataclass(frozen=True)
class Answer:
    """What is sent back: an object, or events one after another."""

    body: Json
    code: int = HTTPStatus.OK
    warnings: list[str] = field(default_factory=list)
    events: Iterator[Json] | None = None


def metadata_alone(item: Json) -> Json:
    """Leave of an object, or of those in a list, what it is called and when it was made."""
    head: Json = {"apiVersion": "meta.k8s.io/v1", "metadata": item.get("metadata", {})}
    if "items" in item:
        return head | {"kind": "PartialObjectMetadataList", "items": [metadata_alone(inner) for inner in item["items"]]}
    return head | {"kind": "PartialObjectMetadata"}


def events_alone(events: Iterator[Json]) -> Iterator[Json]:
    """Do the same with what a watch tells; an error stays what it is."""
    for event in events:
        yield event if event["type"] == "ERROR" else event | {"object": metadata_alone(event["object"])}
