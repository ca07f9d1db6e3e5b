"""Cisco IOS: told by fragments that are copied into the running configuration."""

from tasks.platforms.ios import plan, read
from tasks.platforms.ios.abilities import ABILITIES
from tasks.platforms.platform import Platform


class Ios(plan.Ios):
    """All that is known of Cisco IOS."""

    abilities = ABILITIES
    reader = read.Ios()
    preflight = None


PLATFORM: Platform = Ios()
