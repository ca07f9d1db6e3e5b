"""What Cisco IOS cannot do; docs/routers.md names the source of each. Pure."""

from kubepeer.intent.abilities import NO_LARGE_COMMUNITIES, Abilities, Inability, dynamic

MOST_PATHS = 32  # "maximum-paths": Cisco IOS XE IP Routing: BGP Command Reference
ALTERNATES = (
    5  # "up to five alternate autonomous system numbers", Cisco IOS BGP Configuration Guide, BGP Dynamic Neighbors
)
ABILITIES = Abilities(
    (
        Inability(
            "neighbours",
            lambda peering, as_numbers: dynamic(peering, as_numbers) and len(as_numbers) > 1 + ALTERNATES,
            f"a range has one AS and at most {ALTERNATES} alternates",
            "neighbours: static",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: peering.graceful_restart == "helper",
            "a session restarts gracefully at both ends or at none",
            "graceful_restart: full, or off",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: bool(peering.vrf and peering.graceful_restart),
            "the guide that the template follows has it for sessions outside all VRFs alone",
            "leave graceful_restart out",
        ),
        NO_LARGE_COMMUNITIES,
    ),
    most_paths=MOST_PATHS,
    as_override=lambda peering: peering.vrf is not None,  # neighbor as-override is of address-family ipv4 vrf
)
