"""Arista EOS: told by a configuration session."""

from kubepeer.intent.abilities import NO_LARGE_COMMUNITIES, Abilities
from tasks.platforms.eos import plan, read
from tasks.platforms.platform import Platform


class Eos(plan.Eos):
    """All that is known of Arista EOS."""

    abilities = Abilities((NO_LARGE_COMMUNITIES,), several_paths=True, transports=("ssh", "https"))
    reader = read.Eos()
    preflight = None


PLATFORM: Platform = Eos()
