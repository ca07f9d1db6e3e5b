"""A snapshot of what a verification has seen, and what has changed since another one: before and after a maintenance. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kubepeer.checks import Finding
from kubepeer.errors import UsageError
from tasks.platforms.hops import shortened
from tasks.routes.checks import LAYERS

VERSION = 1  # of the file's format: a file of another one is refused


class RouterThen(BaseModel):
    """One router at a moment.

    Attributes:
        unread: why it could not be read; "" where it was.
        sessions: peer -> the state, as the router names it.
        routes: layer -> prefix -> the next hops that it used.

    """

    model_config = ConfigDict(extra="forbid")
    unread: str = ""
    sessions: dict[str, str] = {}
    routes: dict[str, dict[str, list[str]]] = {}


class Snapshot(BaseModel):
    """All routers of a run at a moment.

    Attributes:
        kubepeer_snapshot: the version of the format.
        taken: when, ISO 8601 with an offset.

    """

    model_config = ConfigDict(extra="forbid")
    kubepeer_snapshot: int = VERSION
    taken: str
    routers: dict[str, RouterThen]

    def text(self) -> str:
        """As the file has it: an order that does not depend on the run, so that two files can be compared by diff."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"


def take(findings: Iterable[Finding], unread: Mapping[str, str], taken: str) -> Snapshot:
    """What the findings of a run say was seen.

    Args:
        findings: of all routers.
        unread: router -> why it could not be read.
        taken: the moment, ISO 8601.

    """
    routers = {name: RouterThen(unread=why) for name, why in unread.items()}
    for finding in findings:
        if finding.check not in (*LAYERS.values(), "session"):
            continue
        router = routers.setdefault(finding.host, RouterThen())
        if finding.check == "session":
            router.sessions[finding.subject] = ", ".join(finding.observed)
        elif finding.observed:
            router.routes.setdefault(finding.layer, {})[finding.subject] = list(finding.observed)
    return Snapshot(taken=taken, routers=routers)


def read(name: str, text: str) -> Snapshot:
    """A file's content.

    Raises:
        UsageError: it is no snapshot, or one of another version.

    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name}: no JSON: {error}. Nothing was contacted.") from None
    found = document.get("kubepeer_snapshot") if isinstance(document, dict) else None
    if found is None:
        raise UsageError(
            f"{name}: no snapshot of verify_routes.py. Nothing was contacted.",
            cure="verify_routes.py --snapshot FILE makes one",
        )
    if found != VERSION:
        raise UsageError(
            f"{name}: a snapshot of version {found}; this Kubepeer reads {VERSION}. Nothing was contacted.",
            cure="compare with the Kubepeer that has written it",
        )
    try:
        return Snapshot.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{name}: {where}: {first['msg']}. Nothing was contacted.") from None


@dataclass(frozen=True)
class Difference:
    """One thing that is another than before on a router.

    Attributes:
        kind: router, session or route.
        subject: the peer or the prefix; "" of the router itself.
        said: what has become of it.
        layers: of a route: where.

    """

    kind: str
    subject: str
    said: str
    layers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In words."""
        if self.kind == "session":
            return f"session {self.subject}: {self.said}"
        return f"{self.subject} {self.said} ({', '.join(self.layers)})" if self.layers else self.said


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """What is another than before, a line each; of a router that one of both did not ask nothing is said."""
    return [
        f"{name}: {one.text}"
        for name in sorted(before.routers.keys() & after.routers.keys())
        for one in differences(before.routers[name], after.routers[name])
    ]


def differences(before: RouterThen, after: RouterThen) -> Iterator[Difference]:
    """The same of one router, sessions first."""
    if before.unread != after.unread:
        said = f"could be read, and cannot now: {after.unread}" if after.unread else "can be read again"
        yield Difference("router", "", said)
    if before.unread or after.unread:
        return
    for peer in sorted(before.sessions.keys() | after.sessions.keys()):
        states = [router.sessions.get(peer, "not asked for") for router in (before, after)]
        if len(set(states)) > 1:
            yield Difference("session", peer, " -> ".join(states))
    told: dict[tuple[str, str], list[str]] = {}
    for layer in dict.fromkeys((*before.routes, *after.routes)):
        then, now = before.routes.get(layer, {}), after.routes.get(layer, {})
        for prefix in then.keys() | now.keys():
            if line := _of_prefix(set(then.get(prefix, ())), set(now.get(prefix, ()))):
                told.setdefault((prefix, line), []).append(layer)
    for (prefix, line), layers in sorted(told.items()):
        yield Difference("route", prefix, line, tuple(layers))


def _of_prefix(then: set[str], now: set[str]) -> str:
    if then == now:
        return ""
    if not now:
        return f"is gone; it was by {shortened(then)}"
    if not then:
        return f"is new, by {shortened(now)}"
    said = (("without", then - now), ("with", now - then))
    return ", ".join(f"{word} {shortened(hops)}" for word, hops in said if hops)


def as_json(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    """The same for --output json."""
    return {"since": {"taken": before.taken, "changes": changes(before, after)}}
