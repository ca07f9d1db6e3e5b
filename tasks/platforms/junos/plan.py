"""What Juniper Junos is told. Pure."""

from collections.abc import Collection, Mapping

from kubepeer.intent import Intent, Router
from tasks.platforms.ownership import OWNER, as_plain, refuse_foreign_as
from tasks.platforms.set_statements import SetStyle, Statement, statements_of

GROUP = ("protocols", "bgp", "group", OWNER)
BALANCE = f"{OWNER}-BALANCE"
EXPORT = ("routing-options", "forwarding-table", "export")
AS_NUMBER = ("routing-options", "autonomous-system")


class Junos(SetStyle):
    """Juniper Junos: set and delete lines, loaded with NAPALM's merge."""

    name = "Junos"
    template = "routers/junos/bgp.set.j2"
    hides_passwords = True
    secret = "authentication-key"  # noqa: S105  a word of Junos
    places = (
        ("policy-options", "as-path", OWNER),
        *(("policy-options", "policy-statement", f"{OWNER}-{name}") for name in ("IN", "OUT", "HOP", "BALANCE")),
        (*EXPORT, BALANCE),
    )
    vrf = ("routing-instances",)
    group = GROUP
    lists = ("import", "export", "members", "add", "neighbor", "next-hop", "policy")
    whole_statements = ("route-filter",)

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:  # noqa: ARG002
        """What is the router's own and not there: its AS, and a policy that spreads flows over equal paths."""
        standing = list(statements_of(running))
        balancing = {
            one[2] for one in standing if one[:2] == ("policy-options", "policy-statement") and "load-balance" in one
        }
        exported = {one[-1] for one in standing if one[:-1] == EXPORT}
        return {
            "instance": " ".join((*self.instance(router.peering.vrf), "")),
            "autonomous_system": not any(one[:2] == AS_NUMBER for one in standing),
            "balance": not balancing & exported - {BALANCE},
        }

    def roots(self, intent: Intent, router: Router, standing: Collection[Statement]) -> tuple[Statement, ...]:
        """By name; communities have their values in their names."""
        communities = {
            one[:3] for one in standing if one[:2] == ("policy-options", "community") and one[2].startswith(f"{OWNER}-")
        }
        return (*super().roots(intent, router, standing), *sorted(communities))

    def refuse(self, router: Router, standing: Collection[Statement]) -> None:
        """Refuse a router in another AS; AS numbers may be written with a dot (RFC 5396)."""
        instance = self.instance(router.peering.vrf)
        own = {
            one[: len(instance) + 2]: one[len(instance) + 2]
            for one in standing
            if one[len(instance) :][:2] == AS_NUMBER
        }
        found = own.get((*instance, *AS_NUMBER)) or next((one[2] for one in standing if one[:2] == AS_NUMBER), None)
        if found:  # a routing instance has the router's AS unless it says another
            refuse_foreign_as(router, as_plain(found))

    def members(self, vrf: str | None, standing: Collection[Statement]) -> set[str]:
        """The neighbours of our group."""
        place = (*self.instance(vrf), *GROUP, "neighbor")
        return {one[len(place)] for one in standing if one[: len(place)] == place}
