"""What VyOS is told. Pure."""

from collections.abc import Collection, Mapping

from kubepeer.intent import Intent, Router
from tasks.platforms.indented import addresses
from tasks.platforms.ownership import OWNER, raised, refuse_foreign_as, several_as
from tasks.platforms.set_statements import SetStyle, Statement, statements_of

BGP = ("protocols", "bgp")
PATHS = (*BGP, "address-family", "ipv4-unicast", "maximum-paths", "ebgp")
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
        (*BGP, "peer-group", OWNER),
        ("policy", "as-path-list", OWNER),
        *(
            ("policy", kind, f"{OWNER}-{name}")
            for kind in ("prefix-list", "route-map")
            for name in ("IN", "OUT", "HOP")
        ),
    )
    lists = ("add",)

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What is the router's own, and not there or set too low."""
        standing = set(statements_of(running))
        paths = next((int(one[-1]) for one in standing if one[:-1] == PATHS), None)
        return {
            "system_as": not any(one[:-1] == (*BGP, "system-as") for one in standing),
            "maximum_paths": raised(paths, len(intent.peers_of(router))),
            "multipath_relax": several_as(intent, router) and RELAX not in standing,
            "hash": HASH not in standing,
        }

    def roots(self, intent: Intent, router: Router, standing: Collection[Statement]) -> tuple[Statement, ...]:
        """By name; neighbours and ranges that are in our group, and the nodes."""
        members = {one[3] for one in standing if _is_member(one)} | addresses(intent, router)
        ranges = {one[:5] for one in standing if one[:4] == (*BGP, "listen", "range") and one[-1] == OWNER}
        return (*self.places, *((*BGP, "neighbor", member) for member in sorted(members)), *sorted(ranges))

    def refuse(self, router: Router, standing: Collection[Statement]) -> None:
        """Refuse a router in another AS."""
        for one in standing:
            if one[:-1] == (*BGP, "system-as"):
                refuse_foreign_as(router, int(one[-1]))

    def members(self, running: str) -> set[str]:
        """The neighbours that are in our group."""
        return {one[3] for one in statements_of(running) if _is_member(one)}


def _is_member(statement: Statement) -> bool:
    return statement[:3] == (*BGP, "neighbor") and statement[4:] == ("peer-group", OWNER)
