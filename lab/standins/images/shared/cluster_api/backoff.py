"""The pauses between attempts that fail."""

import random

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""A server that is down refuses a connection at once, and while it starts it answers 500 and 503: whoever asks again at once takes the
processor that it needs to start, and all programs of all nodes would do so together. client-go waits 0.8 s to 30 s; here 5 s are the
longest, since somebody waits for what comes after the server's return."""
_DICE = random.SystemRandom()


class Backoff:
    """Each pause is twice as long as the one before, up to the longest, and no two programs come back at the same moment."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE

    def failed(self) -> float:
        """Say how long to wait after one more failure."""
        pause = self._pause
        self._pause = min(pause * 2, LONGEST_PAUSE)
        return pause * _DICE.uniform(0.8, 1.2)

    def succeeded(self) -> None:
        """Begin with the shortest pause again."""
        self._pause = FIRST_PAUSE
