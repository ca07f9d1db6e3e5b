"""VyOS: planned and rendered, since NAPALM has no driver that takes a commit back; read as the FRR that it is made of."""

from kubepeer.intent.abilities import LONG_VRF, Abilities, Inability, dynamic
from tasks.platforms.platform import Platform
from tasks.platforms.vyos import plan, read


class Vyos(plan.Vyos):
    """All that is known of VyOS."""

    abilities = Abilities(
        (
            Inability(
                "neighbours", dynamic, "its groups have no timers, and a range would not get ours", "neighbours: static"
            ),
            LONG_VRF,
        ),
        several_paths=True,
    )
    reader = read.Vyos()
    preflight = None


PLATFORM: Platform = Vyos()
