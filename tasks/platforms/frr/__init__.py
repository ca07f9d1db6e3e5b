"""FRR: told by fragments that are merged, read by vtysh and iproute2."""

from kubepeer.intent.abilities import LONG_VRF, Abilities
from kubepeer.intent.families import BOTH
from tasks.platforms.frr import plan, preflight, read
from tasks.platforms.platform import Platform


class Frr(plan.Frr):
    """All that is known of FRR."""

    abilities = Abilities((LONG_VRF,), several_paths=True, families=BOTH, families_in_vrf=BOTH)
    reader = read.Frr()
    preflight = preflight.FrrPreflight()


PLATFORM: Platform = Frr()
