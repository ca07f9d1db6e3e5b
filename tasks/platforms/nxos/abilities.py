"""What Cisco NX-OS cannot do; docs/routers.md names the source of each. Pure."""

from kubepeer.intent.abilities import NO_LARGE_COMMUNITIES, Abilities, Inability, dynamic

MOST_PATHS = 64  # "maximum-paths": Cisco Nexus 9000 NX-OS Unicast Routing
ABILITIES = Abilities(
    (
        Inability(
            "ttl_security",
            lambda peering, _: peering.ttl_security,
            "it has no TTL security for BGP in the reference that the template follows",
            "ttl_security: false",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: peering.graceful_restart is not None,
            "graceful restart is the process's, for all its neighbours, and on",
            "leave graceful_restart out",
        ),
        Inability(
            "multihop",
            lambda peering, as_numbers: bool(peering.multihop) and dynamic(peering, as_numbers),
            "a range of neighbours ignores it",
            "neighbours: static",
        ),
        NO_LARGE_COMMUNITIES,
    ),
    most_paths=MOST_PATHS,
)
