"""FRR's answers: sessions and paths from bgpd, routes from zebra, and the kernel's own. Pure.

FRR's texts are read by napalm_frr.shown; here they become what every platform shares. tests/unit/platforms/frr/recorded holds answers.
"""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from json import JSONDecodeError
from typing import Any, Self, TypeVar

from napalm_frr import shown
from napalm_frr.as_numbers import as_number
from napalm_frr.shown import BgpPath, NextHop, TableRoute

from kubepeer.errors import CommandError
from kubepeer.intent.families import IPV6, Address, Network, address_in, network_in
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms import kernel, kernel_questions
from tasks.platforms.attributes import Attributes, origin_of
from tasks.platforms.frr import second_look
from tasks.platforms.frr.read_sessions import session
from tasks.platforms.frr.vtysh import VTYSH
from tasks.platforms.hops import Hop
from tasks.platforms.reader import ByVrf, each, legible, outside
from tasks.platforms.second_look import RouterLook
from tasks.platforms.seen import Path, RibRoute, RouterSeen, Session

Json = Mapping[str, Any]
Said = TypeVar("Said")
Told = TypeVar("Told")
SELF = ("0.0.0.0", "::")  # noqa: S104  FRR's next hops of a route of its own


@dataclass(frozen=True)
class Frr(ByVrf):
    """A router with FRR on Linux, by vtysh and iproute2. A VRF is a device of Linux, or a network namespace (zebra --vrfwnetns).

    Attributes:
        communities: whether paths are asked for in detail, three times as long: FRR shows no communities otherwise.

    """

    communities: bool = False

    def with_communities(self) -> Self:
        """The same, of which the communities of paths are wanted as well."""
        return replace(self, communities=True)

    def questions(self, networks: Sequence[Network], probes: Mapping[Network, Address]) -> dict[str, str]:
        """Everything in one round trip: 0.1 s on the router, whatever else its tables hold."""
        vrf = f" vrf {self.vrf}" if self.vrf else ""
        asked = {"neighbours": _vtysh(f"show bgp{vrf} neighbors json")}
        for network in networks:
            ip = "ipv6" if network.version == IPV6 else "ip"
            command = f"show bgp{vrf} ipv{network.version} unicast {network} longer-prefixes json"
            # in detail from 8.4 on; an older one says that it does not know the command, and is asked as ever
            in_detail = f"{_vtysh(f'{command} detail')} || " if self.communities else ""
            asked[f"bgp {network}"] = in_detail + _vtysh(command)
            asked[f"rib {network}"] = _vtysh(f"show {ip} route{vrf} {network} longer-prefixes json")
            asked[f"kernel {network}"] = kernel_questions.routes_question(network, self.vrf)
        return asked | {
            kernel_questions.LOOKUPS: kernel_questions.lookups_question(probes.values(), self.vrf),
            **kernel_questions.hash_policy_questions(networks, self.vrf),
        }

    def read(self, answers: Mapping[str, Answer], probes: Mapping[Network, Address]) -> RouterSeen:
        """Read the answers to these questions."""
        of_kernel = [answer for name, answer in answers.items() if name.startswith("kernel ")]
        with legible("neighbours"):
            neighbours = shown.neighbours(_json(answers, "neighbours"))
            sessions = {ip_address(one): session(peer) for one, peer in neighbours.items() if _is_address(one)}
        bgp = each(answers, "bgp", lambda name: _by_prefix(shown.bgp_paths(_json(answers, name)), _path))
        table: dict[str, tuple[TableRoute, ...]] = {}
        rib = each(answers, "rib", lambda name: _by_prefix(_added(table, _json(answers, name)), _rib_route))
        return RouterSeen(
            sessions=sessions,
            bgp=dict(bgp),
            rib=dict(rib),
            kernel=kernel.read_routes(of_kernel),
            lookups=kernel.read_lookups(answers[kernel_questions.LOOKUPS], probes),
            resolved=_resolved(table),
            as_shown=next((str(one.said["localAs"]) for one in neighbours.values() if "localAs" in one.said), ""),
            notice=kernel.notice_of(of_kernel),
            hash_policy=kernel.hash_policy(answers),
            hash_policy6=kernel.hash_policy(answers, IPV6),
        )

    def leak_questions(self, sessions: Iterable[Session], networks: Sequence[Network]) -> dict[str, str]:  # noqa: ARG002  they are in the answers
        """What each neighbour has brought, of the whole table: asked where there is something to find."""
        vrf = f" vrf {self.vrf}" if self.vrf else ""
        return {
            f"brought {one.peer}": _vtysh(
                f"show bgp{vrf} ipv{one.peer.version} unicast neighbors {one.peer} routes json"
            )
            for one in sessions
        }

    def read_leaks(
        self, answers: Mapping[str, Answer], networks: Sequence[Network]
    ) -> dict[Address, tuple[Network, ...]]:
        """Read the answers."""
        brought = {}
        for name in answers:
            with legible(name):
                prefixes = map(network_in, shown.bgp_paths(_json(answers, name)))
                brought[ip_address(name.split(" ")[1])] = outside(prefixes, networks)
        return brought

    def second_questions(self, salt: str, files: ConfigurationFiles) -> dict[str, str]:  # noqa: ARG002  FRR tells all by itself
        """Its own account, where something is wrong."""
        return second_look.questions(salt, self.vrf)

    def second_look(self, answers: Mapping[str, Answer], files: ConfigurationFiles) -> RouterLook:  # noqa: ARG002
        """Read it."""
        return second_look.look(answers, self.vrf)


def _by_prefix(
    table: Mapping[str, Iterable[Said]], read: Callable[[Said], Told]
) -> Iterator[tuple[Network, tuple[Told, ...]]]:
    return ((network_in(prefix), tuple(map(read, entries))) for prefix, entries in table.items())


def _added(table: dict[str, tuple[TableRoute, ...]], said: Json) -> Mapping[str, tuple[TableRoute, ...]]:
    found = shown.table_routes(said)
    table |= found
    return found


def _vtysh(command: str) -> str:
    return f"{VTYSH} -c {shlex.quote(command)}"


def _json(answers: Mapping[str, Answer], name: str) -> Json:
    answer = answers[name]
    try:
        if not answer.code:
            return shown.document(answer.text)
        said = (answer.lines or ["nothing"])[-1]
    except JSONDecodeError as error:
        raise CommandError(f"FRR's answer to the question '{name}' is no JSON: {error}") from error
    except ValueError as error:
        said = str(error)
    cure = "systemctl status frr" if "not running" in said or "failed to connect" in said else ""
    raise CommandError(f"FRR said to the question '{name}': {said}", cure=cure)


def _resolved(table: Mapping[str, tuple[TableRoute, ...]]) -> dict[Hop, frozenset[Hop]]:
    """The gateways of each next hop that a chosen route of BGP has: itself on a link, else those that zebra resolves it by."""
    resolved: dict[Hop, set[Hop]] = {}
    chosen = (route for routes in table.values() for route in routes if route.selected and route.protocol == "bgp")
    for hop in (hop for route in chosen for hop in route.next_hops if hop.active and hop.address):
        by = [one for one in hop.resolved_by if one.active]
        gateways = {one.address or hop.address for one in by if not one.nowhere} if hop.recursive else {hop.address}
        resolved.setdefault(hop.address, set()).update(gateways)
    return {hop: frozenset(gateways) for hop, gateways in resolved.items() if gateways}


def _path(path: BgpPath) -> Path:
    return Path(
        hop="the router itself" if path.next_hop in SELF else path.next_hop or "unknown",
        peer=address_in(path.peer) if _is_address(path.peer) else None,
        chosen=path.chosen,
        valid=path.valid,
        stale=path.stale,
        attributes=Attributes(
            tuple(_plain(word) for word in path.as_path.split()),
            origin_of(path.origin),
            frozenset((*path.communities, *path.large_communities)) if path.detailed else None,
        ),
    )


def _plain(word: str) -> str:
    """An AS number of a path as others write it, whatever `as-notation` the process has; a set or a confederation stays."""
    return str(as_number(word) or word)


def _rib_route(route: TableRoute) -> RibRoute:
    active = [hop for hop in route.next_hops if hop.active]
    return RibRoute(
        protocol=route.protocol,
        distance=route.distance,
        metric=route.metric,
        hops=frozenset(map(_rib_hop, active)),
        selected=route.selected,
        installed=route.installed,
        uptime=route.uptime,
        lines=tuple(line for hop in active for line in _lines(hop)),
    )


def _lines(hop: NextHop) -> list[tuple[Hop, str, int | None]]:
    """A next hop as `show ip route` prints it, followed by those that resolve it."""
    name = f"{_rib_hop(hop)} (recursive)" if hop.recursive else _rib_hop(hop)
    return [(name, hop.interface, hop.weight), *((_rib_hop(one), one.interface, one.weight) for one in hop.resolved_by)]


def _rib_hop(hop: NextHop) -> Hop:
    return hop.address or hop.nowhere or f"dev {hop.interface or 'unknown'}"


def _is_address(text: str) -> bool:
    try:
        address_in(text)
    except ValueError:
        return False
    return True
