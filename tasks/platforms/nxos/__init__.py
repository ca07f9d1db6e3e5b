"""Cisco NX-OS: planned and shown; it is not committed, since NAPALM has no commit that it takes back by itself."""

from tasks.platforms.nxos import plan, read
from tasks.platforms.nxos.abilities import ABILITIES
from tasks.platforms.platform import Platform


class Nxos(plan.Nxos):
    """All that is known of Cisco NX-OS."""

    abilities = ABILITIES
    reader = read.Nxos()
    preflight = None


PLATFORM: Platform = Nxos()
