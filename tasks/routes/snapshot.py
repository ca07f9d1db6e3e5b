"""A snapshot of what a verification has seen, and what has changed since another one: before and after a maintenance. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kubepeer.checks import Finding
from kubepeer.errors import UsageError
from tasks.platforms.hops import shortened
from tasks.platforms.seen import RouterSeen
from tasks.routes.checks import LAYERS
from tasks.routes.flaps import Ups, flaps

VERSION = 2  # of the file's format: a file of a later one is refused
ESTABLISHED = "Established"
READ = (1, VERSION)  # the first had no ups of a session


class RouterThen(BaseModel):
    """One router at a moment.

    Attributes:
        unread: why it could not be read; "" where it was.
        sessions: peer -> the state, as the router names it.
        ups: peer -> how often its session came up and how long it is in its state.
        routes: layer -> prefix -> the next hops that it used.

    """

    model_config = ConfigDict(extra="forbid")
    unread: str = ""
    sessions: dict[str, str] = {}
    ups: dict[str, Ups] = {}
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


def take(
    findings: Iterable[Finding], unread: Mapping[str, str], taken: str, seen: Mapping[str, RouterSeen] | None = None
) -> Snapshot:
    """What the findings of a run say was seen.

    Args:
        findings: of all routers.
        unread: router -> why it could not be read.
        taken: the moment, ISO 8601.
        seen: what each router had, for how steady its sessions are.

    """
    routers = {name: RouterThen(unread=why) for name, why in unread.items()}
    sessions = {name: {str(peer): one for peer, one in had.sessions.items()} for name, had in (seen or {}).items()}
    for finding in findings:
        if finding.check not in (*LAYERS.values(), "session"):
            continue
        router = routers.setdefault(finding.host, RouterThen())
        if finding.check == "session":
            router.sessions[finding.subject] = ", ".join(finding.observed)
            if session := sessions.get(finding.host, {}).get(finding.subject):
                router.ups[finding.subject] = Ups(established=session.terms.established, seconds=session.seconds)
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
    if found not in READ:
        raise UsageError(
            f"{name}: a snapshot of version {found}; this Kubepeer reads {' and '.join(map(str, READ))}. Nothing was contacted.",
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
        changed = " -> ".join(dict.fromkeys(states)) if len(set(states)) > 1 else ""
        flapped = flaps(
            before.ups.get(peer, Ups()), after.ups.get(peer, Ups()), *(one == ESTABLISHED for one in states)
        )
        if said := ", ".join(one for one in (changed, flapped) if one):
            yield Difference("session", peer, said)
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
