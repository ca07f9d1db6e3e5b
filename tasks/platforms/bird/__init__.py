"""BIRD 2 and 3: told by one file of ours that its configuration includes, read by birdc and iproute2."""

from kubepeer.intent.abilities import NO_SESSION_LIMIT, Abilities
from kubepeer.intent.families import BOTH
from tasks.platforms.bird import plan, preflight, read
from tasks.platforms.platform import Platform


class Bird(plan.Bird):
    """All that is known of BIRD."""

    abilities = Abilities((NO_SESSION_LIMIT,), families=BOTH)
    reader = read.Bird()
    preflight = preflight.BirdPreflight()


PLATFORM: Platform = Bird()
