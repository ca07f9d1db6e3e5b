"""VyOS: planned and rendered; NAPALM has no driver for it."""

from kubepeer.intent.abilities import Abilities, Inability, dynamic
from tasks.platforms.platform import Platform
from tasks.platforms.vyos import plan


class Vyos(plan.Vyos):
    """All that is known of VyOS."""

    abilities = Abilities(
        (
            Inability(
                "neighbours", dynamic, "its groups have no timers, and a range would not get ours", "neighbours: static"
            ),
        ),
        several_paths=True,
    )
    reader = None
    preflight = None


PLATFORM: Platform = Vyos()
