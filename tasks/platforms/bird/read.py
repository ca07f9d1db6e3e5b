"""BIRD's answers: sessions, the paths of its table, what it hands to the kernel, and the kernel's own routes. Pure.

The texts are those that BIRD 2.0.12 prints (nest/proto.c, nest/rt-show.c, proto/bgp/bgp.c); tests/unit/platforms/bird/recorded holds its
answers. `show route in` is there from 2.0.9 on, and asks the table's tree for the part that lies in a network (BIRD's NEWS).

How BIRD's table maps to the layers (BIRD 2.0 User's Guide, chapters 4 "Remote control" and 6.6 "Kernel", option `merge paths`):
- bgp     every path of a BGP neighbour that is as good as the best one. BIRD marks the best alone; which others are equal to it follows
          from the attributes that it prints, by the rules of bgp_rte_mergable() in proto/bgp/attrs.c.
- rib     what the kernel protocol is given: `show route export KERNEL` prints the best path of a prefix together with the next hops
          of its equals, if `merge paths` is on and its limit allows them. ECMP begins here, not in the table.
- kernel  what the kernel has; its routes by BIRD are of `proto bird`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms import kernel
from tasks.platforms.bird.read_routes import Route, routes_of
from tasks.platforms.bird.read_sessions import by_peer, now_of, seconds_since, sessions_of
from tasks.platforms.seen import Path, RibRoute, RouterSeen, Session

BIRDC = "birdc -r"  # restricted: it can only look
KERNEL_PROTOCOLS = f"{BIRDC} show protocols | awk '$2 == \"Kernel\" {{print $1}}'"
UNMERGED = "the kernel protocol is not given it: its `merge paths` is off, or the limit of it too low"


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
        now = now_of(_text(answers, "status"))
        sessions = dict(sessions_of(_text(answers, "protocols"), now))
        table: dict[IPv4Network, list[Route]] = {}
        exported: dict[IPv4Network, Route] = {}
        for name in answers:
            if name.startswith("paths "):
                for route in routes_of(_text(answers, name)):
                    table.setdefault(route.prefix, []).append(route)
            elif name.startswith("exported "):
                for route in routes_of(answers[name].text):
                    exported.setdefault(route.prefix, route)  # of several kernel protocols the first counts
        return RouterSeen(
            sessions=by_peer(sessions.values()),
            bgp={prefix: paths for prefix, routes in table.items() if (paths := _paths(routes, sessions))},
            rib={prefix: _rib(routes, exported.get(prefix), now) for prefix, routes in table.items()},
            kernel=kernel.read_routes(answer for name, answer in answers.items() if name.startswith("kernel ")),
            lookups=kernel.read_lookups(answers["lookups"], probes),
            kernel_protocols=frozenset({"bird"}),  # whichever of its protocols a route is of
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


def _paths(routes: Sequence[Route], sessions: Mapping[str, Session]) -> tuple[Path, ...]:
    """The paths that BGP neighbours announced; those are chosen that are as good as the best one, if BGP has it."""
    best = next((route for route in routes if route.mark), None)
    learned = [route for route in routes if route.source == "bgp"]
    pivot = best if best in learned else next(iter(learned), None)  # BIRD prints them in order
    return tuple(
        _path(route, sessions.get(route.protocol), chosen=bool(pivot and route.equals(pivot))) for route in learned
    )


def _path(route: Route, session: Session | None, *, chosen: bool) -> Path:
    valid = bool(route.lines)
    hop = next(iter(route.hops)) if valid else route.attributes.get("BGP.next_hop", "unknown").split(" ")[0]
    return Path(
        hop=hop,
        peer=session.peer if session else route.sender,
        chosen=chosen,
        valid=valid,
        # a protocol that is not Established has routes in the table only under graceful restart; `s` is its long-lived kind
        stale=route.rest.startswith("s") or bool(session and not session.established),
    )


def _rib(routes: Sequence[Route], exported: Route | None, now: datetime | None) -> tuple[RibRoute, ...]:
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


def _uptime(route: Route, now: datetime | None) -> str:
    """How long it is there, as FRR writes it: 00:05:11."""
    seconds = seconds_since(route.since, now)
    return route.since if seconds is None else str(timedelta(seconds=seconds)).rjust(8, "0")
