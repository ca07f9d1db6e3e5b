"""Juniper Junos: told by set and delete lines."""

from tasks.platforms.junos import plan
from tasks.platforms.junos.abilities import ABILITIES
from tasks.platforms.platform import Platform


class Junos(plan.Junos):
    """All that is known of Juniper Junos."""

    abilities = ABILITIES
    reader = None
    preflight = None


PLATFORM: Platform = Junos()
