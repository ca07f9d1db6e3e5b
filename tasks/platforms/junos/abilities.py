"""What Juniper Junos cannot do; docs/routers.md names the source of each. Pure."""

from kubepeer.intent.abilities import NO_SESSION_LIMIT, Abilities, Inability

ABILITIES = Abilities(
    (
        NO_SESSION_LIMIT,
        Inability(
            "ttl_security",
            lambda peering, _: peering.ttl_security,
            "what comes in is checked by a firewall filter, and the router's filters are not ours",
            "ttl_security: false",
        ),
        Inability(
            "graceful_restart",
            lambda peering, _: peering.graceful_restart == "full",
            "its own restart is the router's as a whole (routing-options), not of one group",
            "graceful_restart: helper, or off",
        ),
    )
)
