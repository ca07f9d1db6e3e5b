"""What has changed between two looks at a router, and at what the cluster announces: for a person's line and a machine's. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError
from kubepeer.intent.families import by_number
from tasks.platforms.hops import shortened
from tasks.routes import snapshot
from tasks.routes.checks import LAYERS, REMARK
from tasks.routes.expected import Announced
from tasks.routes.reasons import reason_of

API = "the API"
Key = tuple[str, str]  # kind and subject


@dataclass(frozen=True)
class Event:
    """One change.

    Attributes:
        host: the router; or the API.
        kind: session, route, check, router, api.
        subject: the peer or the prefix; "" of the host itself.
        what: has become of it, in words.
        ok: whether it is as it should be now.
        cause: why it is not, where something is known.
        layers: of a route: where.
        first: it is how things stood when the watch began, and no change.

    """

    host: str
    kind: str
    subject: str
    what: str
    ok: bool
    cause: str = ""
    layers: tuple[str, ...] = ()
    first: bool = False

    def line(self, moment: str) -> str:
        """For a person: never by colour alone."""
        return f"{moment} {'ok' if self.ok else 'x '} {self.host}: {self.what}{f': {self.cause}' if self.cause else ''}"

    def as_json(self, moment: str) -> dict[str, Any]:
        """For a machine."""
        return {
            "event": "state" if self.first else "change",
            "time": moment,
            "host": self.host,
            "kind": self.kind,
            "subject": self.subject,
            "layers": list(self.layers),
            "what": self.what,
            "ok": self.ok,
            "cause": self.cause,
        }


def at_first(host: str, findings: Sequence[Finding], summary: str) -> list[Event]:
    """How a router stands when it is seen for the first time: in one line, and what is wrong.

    Args:
        host: the router.
        findings: about it.
        summary: of them.

    """
    wrong = {key: found for key, found in _by_key(findings).items() if not _is_right(found)}
    head = Event(host, "router", "", summary, not wrong, first=True)
    return [head, *(_verdict(host, key, found, first=True) for key, found in wrong.items())]


def between(host: str, before: Sequence[Finding], after: Sequence[Finding]) -> list[Event]:
    """What is another than before on a router that could be read both times: what it has, and what that is worth.

    Args:
        host: the router.
        before: the findings of the last time.
        after: those of this time.

    """
    then, now = _by_key(before), _by_key(after)
    pictures = (snapshot.take(found, {}, "").routers.get(host, snapshot.RouterThen()) for found in (before, after))
    events = []
    told: set[Key] = set()
    for one in snapshot.differences(*pictures):
        key = (one.kind, one.subject)
        found = now.get(key, [])
        told.add(key)
        events.append(Event(host, *key, one.text, _is_right(found), _cause(found), one.layers))
    events += [
        _verdict(host, key, now.get(key, []))
        for key in dict.fromkeys((*then, *now))
        if key not in told and _is_right(then.get(key, [])) != _is_right(now.get(key, []))
    ]
    order = ("session", "route", "check")
    return sorted(events, key=lambda event: order.index(event.kind))


def unread(host: str, error: KubepeerError) -> Event:
    """A router cannot be read any more, or not yet."""
    return Event(
        host, "router", "", f"cannot be read: {error.message}", ok=False, cause=error.cure and f"cure: {error.cure}"
    )


def read_again(host: str, summary: str, *, ok: bool) -> Event:
    """It can be read again."""
    return Event(host, "router", "", f"can be read again: {summary}", ok)


def api_lost(error: KubepeerError) -> Event:
    """The API does not answer any more."""
    said = "does not answer; routers are judged by what it said last"
    return Event(API, "api", "", said, ok=False, cause=error.message)


def api_found() -> Event:
    """It answers again."""
    return Event(API, "api", "", "answers again", ok=True)


def of_cluster(before: Announced, after: Announced) -> Iterator[Event]:
    """What the cluster itself announces otherwise than before: routers are judged by that from now on.

    Args:
        before: what it announced.
        after: what it announces now.

    """
    for address in sorted(before.speakers.keys() ^ after.speakers.keys(), key=by_number):
        name = after.speakers.get(address) or before.speakers.get(address)
        said = "is a node of the cluster now" if address in after.speakers else "is no node of the cluster any more"
        yield Event(API, "api", str(address), f"{address} ({name}) {said}", ok=True)
    then, now = ({route.prefix: route for route in one.routes} for one in (before, after))
    for prefix in sorted(then.keys() | now.keys(), key=by_number):
        if prefix not in now:
            yield Event(API, "api", str(prefix), f"the cluster does not announce {prefix} any more", ok=True)
        elif prefix not in then or then[prefix].next_hops != now[prefix].next_hops:
            hops = shortened(set(map(str, now[prefix].next_hops)))
            said = f"the cluster announces {prefix} by {hops} now ({now[prefix].why})"
            yield Event(API, "api", str(prefix), said, ok=True)


def _by_key(findings: Iterable[Finding]) -> Mapping[Key, list[Finding]]:
    found: dict[Key, list[Finding]] = {}
    for finding in findings:
        if finding.check != REMARK:
            kind = "session" if finding.check == "session" else "route" if finding.check in LAYERS.values() else "check"
            found.setdefault((kind, finding.subject), []).append(finding)
    return found


def _is_right(found: Iterable[Finding]) -> bool:
    return all(finding.ok for finding in found)


def _cause(found: Sequence[Finding]) -> str:
    """Without the state of a session, which is told already."""
    cause = reason_of(finding for finding in found if not finding.ok)
    return cause.removeprefix(f"{', '.join(found[0].observed)}: ") if found and found[0].check == "session" else cause


def _verdict(host: str, key: Key, found: Sequence[Finding], *, first: bool = False) -> Event:
    """That something is right or wrong now, where what the router has does not show it."""
    kind, subject = key
    wrong = [finding for finding in found if not finding.ok]
    words = []
    for word in ("missing", "unexpected"):
        hops = {hop for finding in wrong for hop in getattr(finding, word)}
        words += [f"{word} {shortened(hops)}"] if hops and kind == "route" else []
    state = ", ".join(found[0].observed) if found and kind == "session" else ""
    said = "is as it should be" if not wrong else ", ".join(words) or state or "is not as it should be"
    layers = tuple(finding.layer for finding in wrong) if kind == "route" else ()
    where = f" ({', '.join(layers)})" if layers else ""
    named = f"session {subject}" if kind == "session" else subject
    return Event(host, kind, subject, f"{named}: {said}{where}", not wrong, _cause(found), layers, first)
