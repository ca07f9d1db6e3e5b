"""BIRD's answers: sessions, the paths of its table, what it hands to the kernel, and the kernel's own routes. Pure.

The texts are those that BIRD 2.0.12 prints (nest/proto.c, nest/rt-show.c, proto/bgp/bgp.c); tests/unit/routes/recorded/bird holds its
answers. `show route in` is there from 2.0.9 on, and asks the table's tree for the part that lies in a network (BIRD's NEWS).

How BIRD's table maps to the layers (BIRD 2.0 User's Guide, chapters 4.3 "Show route" and 6.7 "Kernel", option `merge paths`):
- bgp     every path of a BGP neighbour that is as good as the best one. BIRD marks the best alone; which others are equal to it follows
          from the attributes that it prints, by the rules of bgp_rte_mergable() in proto/bgp/attrs.c.
- rib     what the kernel protocol is given: `show route export KERNEL` prints the best path of a prefix together with the next hops
          of its equals, if `merge paths` is on and its limit allows them. ECMP begins here, not in the table.
- kernel  what the kernel has; its routes by BIRD are of `proto bird`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.routes import kernel
from tasks.routes.seen import Path, RibRoute, RouterSeen, Session

BIRDC = "birdc -r"  # restricted: it can only look
KERNEL_PROTOCOLS = f"{BIRDC} show protocols | awk '$2 == \"Kernel\" {{print $1}}'"
UNMERGED = "the kernel protocol is not given it: its `merge paths` is off, or the limit of it too low"
UNANSWERED = "its connection is not answered: the node is off, a firewall drops it, or one side alone has a password"
REFUSED_ALL = "the router's policy refuses all of it (import none)"


class Bird:
    """A router with BIRD 2 on Linux, read through birdc and iproute2."""

    def questions(self, networks: Sequence[IPv4Network], probes: Mapping[IPv4Network, IPv4Address]) -> dict[str, str]:
        """Everything in one round trip, whatever else BIRD's tables hold."""
        asked = {"status": f"{BIRDC} show status", "protocols": f"{BIRDC} show protocols all"}
        for network in networks:
            asked[f"paths {network}"] = f"{BIRDC} show route in {network} all"
            exported = f"{BIRDC} show route in {network} export \"'$protocol'\" all"
            asked[f"exported {network}"] = f"for protocol in $({KERNEL_PROTOCOLS}); do {exported}; done"
            asked[f"kernel {network}"] = kernel.routes_question(network)
        return asked | {"lookups": kernel.lookups_question(probes.values())}

    def read(self, answers: Mapping[str, Answer], probes: Mapping[IPv4Network, IPv4Address]) -> RouterSeen:
        """Read the answers to these questions."""
        now = _now(_text(answers, "status"))
        sessions = dict(_sessions(_text(answers, "protocols"), now))
        table: dict[IPv4Network, list[_Route]] = {}
        exported: dict[IPv4Network, _Route] = {}
        for name in answers:
            if name.startswith("paths "):
                for route in _routes(_text(answers, name)):
                    table.setdefault(route.prefix, []).append(route)
            elif name.startswith("exported "):
                for route in _routes(answers[name].text):
                    exported.setdefault(route.prefix, route)  # of several kernel protocols the first counts
        return RouterSeen(
            sessions=_by_peer(sessions.values()),
            bgp={prefix: paths for prefix, routes in table.items() if (paths := _paths(routes, sessions))},
            rib={prefix: _rib(routes, exported.get(prefix), now) for prefix, routes in table.items()},
            kernel=kernel.read_routes(answer for name, answer in answers.items() if name.startswith("kernel ")),
            lookups=kernel.read_lookups(answers["lookups"], probes),
        )


def _text(answers: Mapping[str, Answer], name: str) -> str:
    """An answer of birdc, which says by its exit code whether it is one."""
    answer = answers[name]
    if answer.code:
        said = (answer.lines or ["nothing"])[-1]
        cure = ""
        if "control socket" in said:
            cure = "systemctl status bird"
        elif "syntax error" in said:
            cure = "BIRD 2.0.9 or newer knows `show route in`"
        raise CommandError(f"BIRD said to the question '{name}': {said}", cure=cure)
    return answer.text


# Time. BIRD's default `timeformat` prints the hour of today, and the date of what is older.

MOMENT = r"(?P<date>\d{4}-\d\d-\d\d)?\s?(?P<time>\d\d:\d\d:\d\d)?(?:\.\d+)?"


def _now(status: str) -> datetime | None:
    found = re.search(rf"^Current server time is {MOMENT}", status, re.MULTILINE)
    return _moment(found, None) if found else None


def _moment(found: re.Match[str], now: datetime | None) -> datetime | None:
    """The moment that a text names; None where BIRD was told to print times in a form of its owner's."""
    date, time = found["date"], found["time"]
    if date:
        return datetime.fromisoformat(f"{date} {time or '00:00:00'}")
    if not (time and now):
        return None
    today = datetime.fromisoformat(f"{now.date()} {time}")
    return today if today <= now else today - timedelta(days=1)


def _seconds(text: str, now: datetime | None) -> int | None:
    found = re.match(MOMENT, text)
    moment = _moment(found, now) if found else None
    return None if moment is None or now is None else max(0, int((now - moment).total_seconds()))


# Sessions.

HEAD = re.compile(r"^(?P<name>\S+)\s+(?P<kind>\S+)\s+\S+\s+(?P<state>up|start|down|stop|flush)\b\s+(?P<since>.*)$")
FIELD = re.compile(r"^\s+(?P<key>[A-Z][^:]*):\s*(?P<value>.*?)\s*$")


@dataclass(frozen=True)
class _Protocol:
    """One BGP protocol of `show protocols all`.

    Attributes:
        state: of the protocol: down, start, up.
        channel: the fields of its channel for IPv4; None where it has none.

    """

    name: str
    state: str
    since: str
    fields: Mapping[str, str]
    channel: Mapping[str, str] | None


def _sessions(text: str, now: datetime | None) -> Iterator[tuple[str, Session]]:
    """The BGP protocols that have a neighbour, by their names."""
    for block in _protocols(text):
        try:
            peer = IPv4Address(block.fields.get("Neighbor address", ""))
        except AddressValueError:
            continue  # an IPv6 neighbour, or a protocol that waits for whoever comes
        yield block.name, _session(peer, block, now)


def _protocols(text: str) -> Iterator[_Protocol]:
    for block in re.split(r"\n(?=\S)", text):
        head, _, body = block.partition("\n")
        found = HEAD.match(head)
        if not found or found["kind"] != "BGP":
            continue
        about, *channels = re.split(r"^  Channel ", body, flags=re.MULTILINE)
        channel = next((part for part in channels if part.startswith("ipv4\n")), None)
        yield _Protocol(
            found["name"],
            found["state"],
            found["since"],
            _fields(about),
            None if channel is None else _fields(channel),
        )


def _fields(text: str) -> dict[str, str]:
    """Key and value of each line; the first of a name counts."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if found := FIELD.match(line):
            fields.setdefault(found["key"], found["value"])
    return fields


def _session(peer: IPv4Address, block: "_Protocol", now: datetime | None) -> Session:
    fields, channel = block.fields, block.channel
    state = fields.get("BGP state", block.state.capitalize())
    up = state == "Established"
    timer = None if up else fields.get("Restart timer") or (channel or {}).get("LL stale timer")
    imported = re.match(r"\d+", (channel or {}).get("Routes", ""))
    return Session(
        peer=peer,
        state=state,
        seconds=_seconds(block.since, now),
        last_error="" if up else _last_error(block),
        of_last_attempt=True,
        discards=_discards(channel) if up else "",
        stale_seconds=int(float(timer.partition("/")[0])) if timer else None,
        accepted=int(imported[0]) if imported else 0,
    )


# What a peer's TCP says (the system's own words) means to somebody who looks after BGP.
SOCKET = {
    "Connection refused": "nothing listens on the node's BGP port (connection refused)",
    "Connection closed": "the node closes the connection: the router is no neighbour of it, or is disabled there",
    "Connection reset by peer": "the node closes the connection: the router is no neighbour of it, or is disabled there",
}


def _last_error(block: "_Protocol") -> str:
    """Why the session is down, in a network engineer's words.

    BIRD remembers the outcome of its last attempt alone: what ended the session is forgotten with the next one, seconds later.
    """
    said = block.fields.get("Last error", "")
    if said == "Automatic shutdown: Route limit exceeded":
        limit = next((value for key, value in (block.channel or {}).items() if value.endswith("[HIT]")), "")
        number = f" of {limit.partition(' ')[0]} prefixes" if limit else ""
        again = f" (`birdc enable {block.name}` opens it again)" if block.state == "down" else ""
        return f"closed by the router, its import limit{number} was reached{again}"
    if block.state == "down":
        return "disabled on the router (birdc disable, or `disabled` in its configuration)"
    if block.channel is None:
        return "the router has no ipv4 channel for it"
    if not said and block.fields.get("BGP state") == "Connect":
        return UNANSWERED
    kind, _, what = said.partition(": ")
    if kind == "Received":
        said = f"{what}, sent by the node"
    elif kind == "BGP Error":
        said = f"{what}, sent by the router"
    elif kind == "Socket":
        said = SOCKET.get(what, what[:1].lower() + what[1:])
    return said


def _discards(channel: Mapping[str, str] | None) -> str:
    if channel is None or channel.get("State") != "UP":
        return "IPv4 unicast is not negotiated"
    for name in ("Import limit", "Receive limit"):
        if channel.get(name, "").endswith("[HIT]"):
            return f"its {name.lower()} of {channel[name].partition(' ')[0]} prefixes is reached, the rest is refused"
    return REFUSED_ALL if channel.get("Input filter") == "REJECT" else ""


def _by_peer(sessions: Iterable[Session]) -> dict[IPv4Address, Session]:
    """One session an address; where two protocols have the same neighbour, the one that is up counts."""
    found: dict[IPv4Address, Session] = {}
    for session in sessions:
        if session.established or session.peer not in found:
            found[session.peer] = session
    return found


# Routes.

ROUTE = re.compile(
    r"^(?P<prefix>\S+)?\s+(?P<kind>[a-z]+) \[(?P<protocol>\S+) (?P<since>.*?)(?: from (?P<from>[^\s\]]+))?\]"
    r"(?P<mark> [*!])? \((?P<preference>\d+)(?P<rest>[^)]*)\)"
)
GATEWAY = re.compile(r"^\tvia (?P<hop>\S+) on (?P<interface>\S+)(?:.* weight (?P<weight>\d+))?")
DEVICE = re.compile(r"^\tdev (?P<interface>\S+)")
ATTRIBUTE = re.compile(r"^\t(?P<key>[A-Za-z][\w.]*): ?(?P<value>.*)$")


@dataclass(eq=False)
class _Route:
    """One route as BIRD prints it, with its attributes.

    Attributes:
        kind: unicast, or what becomes of the packet: unreachable, blackhole, prohibit.
        mark: `*` for the best route of its prefix, `!` for a best route that the kernel did not take.
        rest: what stands behind the preference: `s` for a stale route, the metric of the way to its next hop.

    """

    prefix: IPv4Network
    kind: str
    protocol: str
    since: str
    mark: str
    preference: int
    rest: str
    lines: list[tuple[str, str, int | None]] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Where BIRD has it from: bgp, static, device, inherit (from the kernel), ospf ..."""
        return self.attributes.get("Type", "unknown").split(" ")[0].partition("-")[0].lower()

    @property
    def hops(self) -> frozenset[str]:
        """Its next hops, or what becomes of the packet."""
        return frozenset(hop for hop, _, _ in self.lines) or frozenset({self.kind})

    def equals(self, best: "_Route") -> bool:
        """Whether BIRD may merge it with the best path: what else differs only decides which of the equals is called the best."""
        mine, its = self._rank, best._rank
        neighbour_as = (self._as_path[:1], best._as_path[:1])
        same_metric = self.attributes.get("BGP.med") == best.attributes.get("BGP.med")
        return mine == its and (
            same_metric or neighbour_as[0] != neighbour_as[1]
        )  # the metric is one neighbour AS's own

    @property
    def _rank(self) -> tuple[object, ...]:
        local_preference = self.attributes.get("BGP.local_pref")
        return (
            self.source,
            self.preference,
            self.rest,
            local_preference,
            len(self._as_path),
            self.attributes.get("BGP.origin"),
        )

    @property
    def _as_path(self) -> list[str]:
        return self.attributes.get("BGP.as_path", "").split()


def _routes(text: str) -> Iterator[_Route]:
    """The routes of an answer, each with the lines below it."""
    prefix: IPv4Network | None = None
    route: _Route | None = None
    for line in text.splitlines():
        if found := ROUTE.match(line):
            if route:
                yield route
            prefix = IPv4Network(found["prefix"]) if found["prefix"] else prefix
            if prefix is None:
                continue
            route = _Route(
                prefix, found["kind"], found["protocol"], found["since"], (found["mark"] or "").strip(),
                int(found["preference"]), found["rest"],
            )  # fmt: skip
        elif route and (found := GATEWAY.match(line)):
            route.lines.append((found["hop"], found["interface"], int(found["weight"]) if found["weight"] else None))
        elif route and (found := DEVICE.match(line)):
            route.lines.append((f"dev {found['interface']}", "", None))
        elif route and (found := ATTRIBUTE.match(line)):
            route.attributes[found["key"]] = found["value"]
    if route:
        yield route


def _paths(routes: Sequence[_Route], sessions: Mapping[str, Session]) -> tuple[Path, ...]:
    """The paths that BGP neighbours announced; those are chosen that are as good as the best one, if BGP has it."""
    best = next((route for route in routes if route.mark), None)
    learned = [route for route in routes if route.source == "bgp"]
    pivot = best if best in learned else next(iter(learned), None)  # BIRD prints them in order
    return tuple(
        _path(route, sessions.get(route.protocol), chosen=bool(pivot and route.equals(pivot))) for route in learned
    )


def _path(route: _Route, session: Session | None, *, chosen: bool) -> Path:
    valid = bool(route.lines)
    hop = next(iter(route.hops)) if valid else route.attributes.get("BGP.next_hop", "unknown").split(" ")[0]
    return Path(
        hop=hop,
        peer=session.peer if session else None,
        chosen=chosen,
        valid=valid,
        # a protocol that is not Established has routes in the table only under graceful restart; `s` is its long-lived kind
        stale=route.rest.startswith("s") or bool(session and not session.established),
    )


def _rib(routes: Sequence[_Route], exported: _Route | None, now: datetime | None) -> tuple[RibRoute, ...]:
    """What the kernel protocol is given first; then what else the table has of each other protocol."""
    chosen = exported or next((route for route in routes if route.mark and route.source == "inherit"), None)
    rest = [route for route in routes if route.mark and not exported and route is not chosen]
    rest += [route for route in routes if not route.mark and route.source != "bgp"]
    return tuple(
        RibRoute(
            protocol="kernel" if route.source == "inherit" else route.source,
            distance=route.preference,
            metric=0,
            hops=route.hops,
            selected=route is chosen,
            installed=route.mark != "!",
            uptime=_uptime(route, now),
            lines=tuple(route.lines) or ((route.kind, "", None),),
            absent=UNMERGED,
        )
        for route in ([chosen] if chosen else []) + rest
    )


def _uptime(route: _Route, now: datetime | None) -> str:
    """How long it is there, as FRR writes it: 00:05:11."""
    seconds = _seconds(route.since, now)
    return route.since if seconds is None else str(timedelta(seconds=seconds)).rjust(8, "0")
