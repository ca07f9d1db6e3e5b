"""Juniper Junos: told by set and delete lines."""

from tasks.platforms.junos import plan, read
from tasks.platforms.junos.abilities import ABILITIES
from tasks.platforms.platform import Platform


class Junos(plan.Junos):
    """All that is known of Juniper Junos."""

    abilities = ABILITIES
    reader = read.Junos()
    preflight = None


PLATFORM: Platform = Junos()
