"""What VyOS is told. Pure."""

from collections.abc import Collection, Mapping

from kubepeer.intent import Intent, Router
from tasks.platforms.ownership import OWNER, as_plain, raised, refuse_foreign_as, several_as
from tasks.platforms.set_statements import SetStyle, Statement, statements_of

BGP = ("protocols", "bgp")
PATHS = (*BGP, "address-family", "ipv4-unicast", "maximum-paths", "ebgp")
SYSTEM_AS = (*BGP, "system-as")
RELAX = (*BGP, "parameters", "bestpath", "as-path", "multipath-relax")
HASH = ("system", "ip", "multipath", "layer4-hashing")


class Vyos(SetStyle):
    """VyOS 1.4: set and delete lines."""

    name = "VyOS"
    template = "routers/vyos/bgp.set.j2"
    driven = False
    reverts = False
    secret = "password"  # noqa: S105  a word of VyOS
    places = (
        ("policy", "as-path-list", OWNER),
        *(
            ("policy", kind, f"{OWNER}-{name}")
            for kind in ("prefix-list", "route-map")
            for name in ("IN", "OUT", "HOP")
        ),
    )
    vrf = ("vrf", "name")
    group = (*BGP, "peer-group", OWNER)
    lists = ("add",)

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is the router's own, and not there or set too low."""
        standing = set(statements_of(running))
        instance = self.instance(router.peering.vrf)
        paths = next((int(one[-1]) for one in standing if one[:-1] == (*instance, *PATHS)), None)
        return {
            "instance": " ".join((*self.instance(router.peering.vrf), "")),
            "system_as": not any(one[:-1] == (*instance, *SYSTEM_AS) for one in standing),
            "maximum_paths": raised(paths, len(intent.peers_of(router))),
            "multipath_relax": several_as(intent, router) and (*instance, *RELAX) not in standing,
            "hash": HASH not in standing,
        }

    def roots(self, intent: Intent, router: Router, standing: Collection[Statement]) -> tuple[Statement, ...]:
        """By name; neighbours and ranges that are in our group, and the nodes."""
        bgp = (*self.instance(router.peering.vrf), *BGP)
        members = self.members(router.peering.vrf, standing) | intent.addresses_of_peers(router)
        depth = len(bgp) + 3
        ranges = {one[:depth] for one in standing if one[: depth - 1] == (*bgp, "listen", "range") and one[-1] == OWNER}
        neighbours = ((*bgp, "neighbor", member) for member in sorted(members))
        return (*super().roots(intent, router, standing), *neighbours, *sorted(ranges))

    def refuse(self, router: Router, standing: Collection[Statement]) -> None:
        """Refuse a router in another AS."""
        for one in standing:
            if one[:-1] == (*self.instance(router.peering.vrf), *SYSTEM_AS):
                refuse_foreign_as(router, as_plain(one[-1]))

    def members(self, vrf: str | None, standing: Collection[Statement]) -> set[str]:
        """The neighbours that are in our group."""
        place = (*self.instance(vrf), *BGP, "neighbor")
        depth = len(place)
        return {one[depth] for one in standing if one[:depth] == place and one[depth + 1 :] == ("peer-group", OWNER)}
