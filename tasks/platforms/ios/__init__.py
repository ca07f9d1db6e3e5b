"""Cisco IOS: told by fragments that are copied into the running configuration."""

from tasks.platforms.ios import plan
from tasks.platforms.ios.abilities import ABILITIES
from tasks.platforms.platform import Platform


class Ios(plan.Ios):
    """All that is known of Cisco IOS."""

    abilities = ABILITIES
    reader = None
    preflight = None


PLATFORM: Platform = Ios()
