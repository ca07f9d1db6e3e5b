"""EOS's answers: sessions by NAPALM's getter, paths and routes in the JSON form of its show commands. Pure.

The forms are those of NAPALM's recorded answers (napalm, test/eos/mocked_data/test_get_route_to) and of pyavd's and ANTA's readers.
A route says of itself whether the kernel and the hardware have it: there is no other table of what is forwarded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from kubepeer.errors import CommandError
from kubepeer.intent.families import Address, Network
from tasks.linux.observe import Answer
from tasks.platforms.driver_answers import GETTER, document, sessions_in
from tasks.platforms.hops import Hop
from tasks.platforms.reader import ByVrf, each
from tasks.platforms.seen import KernelRoute, Path, RibRoute, RouterSeen

DEFAULT = "default"  # EOS's name of the table outside all VRFs


@dataclass(frozen=True)
class Eos(ByVrf):
    """An Arista router, read by its own show commands."""

    encoding = "json"

    def questions(self, networks: Sequence[Network], probes: Mapping[Network, Address]) -> dict[str, str]:  # noqa: ARG002
        """The cluster's networks alone: the cost does not grow with the router's table."""
        vrf = self.vrf or DEFAULT
        asked = {"sessions": GETTER}
        for network in networks:
            asked[f"bgp {network}"] = f"show ip bgp {network} longer-prefixes detail vrf {vrf}"
            asked[f"rib {network}"] = f"show ip route vrf {vrf} {network} longer-prefixes"
        return asked

    def read(self, answers: Mapping[str, Answer], probes: Mapping[Network, Address]) -> RouterSeen:  # noqa: ARG002
        """Read the answers."""
        routes = each(answers, "rib", lambda name: self._routes(answers, name))
        return RouterSeen(
            sessions=sessions_in(answers, self.vrf),
            bgp=dict(each(answers, "bgp", lambda name: self._paths(answers, name))),
            rib={prefix: (route,) for prefix, route, _ in routes},
            kernel={prefix: forwarded for prefix, _, forwarded in routes},
        )

    def _paths(self, answers: Mapping[str, Answer], name: str) -> Iterator[tuple[Network, tuple[Path, ...]]]:
        for prefix, entry in self._table(answers, name, "bgpRouteEntries").items():
            yield ip_network(prefix), tuple(map(_path, entry["bgpRoutePaths"]))

    def _routes(
        self, answers: Mapping[str, Answer], name: str
    ) -> Iterator[tuple[Network, RibRoute, tuple[KernelRoute, ...]]]:
        for written, route in self._table(answers, name, "routes").items():
            prefix = ip_network(written)
            yield prefix, _rib_route(route), tuple(_forwarded(prefix, route))

    def _table(self, answers: Mapping[str, Answer], name: str, key: str) -> Mapping[str, Any]:
        vrfs = document(answers, name).get("vrfs")
        if not isinstance(vrfs, Mapping):
            raise CommandError(f"EOS's answer to the question '{name}' names no VRF")
        table: Mapping[str, Any] = vrfs.get(self.vrf or DEFAULT, {}).get(key, {})
        return table


def _path(said: Mapping[str, Any]) -> Path:
    kind, peer = said["routeType"], said.get("peerEntry", {}).get("peerAddr")
    return Path(
        hop=said["nextHop"] or "own",
        peer=ip_address(str(peer)) if peer and said["nextHop"] else None,
        chosen=bool(kind.get("active") or kind.get("ecmpContributor")),
        valid=bool(kind.get("valid")),
        stale=bool(kind.get("stale")),
    )


def _hops(route: Mapping[str, Any]) -> frozenset[Hop]:
    if route.get("routeAction") == "drop":
        return frozenset({"blackhole"})
    return frozenset(
        via.get("nexthopAddr") or via.get("vtepAddr") or f"dev {via['interface']}" for via in route["vias"]
    )


def _rib_route(route: Mapping[str, Any]) -> RibRoute:
    kind = str(route.get("routeType", ""))
    return RibRoute(
        protocol="bgp" if kind.endswith("BGP") else kind,
        distance=int(route.get("preference", 0)),
        metric=int(route.get("metric", 0)),
        hops=_hops(route),
        selected=True,  # EOS shows no other
        installed=_is_forwarded(route),
        lines=tuple((via.get("nexthopAddr", ""), via.get("interface", ""), None) for via in route["vias"]),
    )


def _is_forwarded(route: Mapping[str, Any]) -> bool:
    return bool(route.get("kernelProgrammed")) and bool(route.get("hardwareProgrammed"))


def _forwarded(prefix: Network, route: Mapping[str, Any]) -> Iterator[KernelRoute]:
    if _is_forwarded(route):
        yield KernelRoute(prefix, _rib_route(route).protocol, 0, _hops(route))
