"""A router without anything of ours: what leads there, on every platform; and what only some know how to give back. Pure."""

from typing import Protocol, runtime_checkable

from kubepeer.intent import Intent, Router
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange
from tasks.platforms.platform import Platform


@runtime_checkable
class KnowsWhatWasRaised(Protocol):
    """A platform that tells what we have raised or added for the whole process from what its owner has there."""

    def lowered(self, intent: Intent, router: Router, running: str, before: str) -> str:
        """What gives it back, as `candidate` takes it; "" where nothing is to be given back.

        Args:
            intent: of the whole inventory: what was asked for follows from it.
            router: which.
            running: what it runs with.
            before: what it ran with before our first change.

        """


@runtime_checkable
class HasAFileOfOurs(Protocol):
    """A platform whose part of ours is a file, which is empty when it has nothing to say any more."""

    def file_question(self, router: Router) -> str:
        """A command that prints the file's path where it is there, and nothing needs it."""

    def file_gone(self, router: Router, seen: Seen, question: str) -> LinuxChange | None:
        """The file goes, if its daemon does without."""


def without_nodes(intent: Intent) -> Intent:
    """The same intent of a cluster without a node: no router has a peer, and nothing that stands is wanted."""
    return intent.model_copy(update={"nodes": ()})


def withdrawal(platform: Platform, intent: Intent, router: Router, running: str, before: str | None) -> str:
    """What takes everything of ours away, and nothing else; "" where nothing is there.

    Args:
        platform: of the router.
        intent: of the whole inventory.
        router: which.
        running: what it runs with.
        before: what it ran with before our first change; None where nobody has kept it.

    """
    gone = platform.candidate(without_nodes(intent), router, "", running)
    if before is None or not isinstance(platform, KnowsWhatWasRaised):
        return gone
    return gone.rstrip("\n") + "\n" * bool(gone.strip()) + platform.lowered(intent, router, running, before)
