"""FRR: told by fragments that are merged, read by vtysh and iproute2."""

from kubepeer.intent.abilities import LONG_VRF, Abilities
from tasks.platforms.frr import plan, preflight, read
from tasks.platforms.platform import Platform


class Frr(plan.Frr):
    """All that is known of FRR."""

    abilities = Abilities((LONG_VRF,), several_paths=True)
    reader = read.Frr()
    preflight = preflight.FrrPreflight()


PLATFORM: Platform = Frr()
