"""Standard output and error whose reader may go before the run has ended: `deploy.py | head` does all that deploy.py does."""

import os
import select
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast


class OutlivingReader:
    """A text stream that goes on into nothing when its reader has gone, in the place of a BrokenPipeError (pipe(7))."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.reader_gone = False

    def write(self, text: str) -> int:
        """Write, or not where nobody reads."""
        self._or_into_nothing(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self._or_into_nothing(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _or_into_nothing(self, do: Callable[[], object]) -> None:
        try:
            do()
        except BrokenPipeError:
            self.reader_gone = True
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())  # what the stream still holds must go somewhere, too
            os.close(nothing)


def nobody_reads() -> bool:
    """Whether who read standard output has gone: for what goes on as long as somebody looks, and may have nothing to write for long."""
    if isinstance(sys.stdout, OutlivingReader) and sys.stdout.reader_gone:
        return True
    looking = select.poll()
    try:
        looking.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # it is no file
        return False
    return any(event & select.POLLERR for _, event in looking.poll(0))  # the reading end is closed (poll(2))


def outlive_readers() -> None:
    """From now on no closed pipe ends the run: it may be in the middle of a change, and its exit code is its result."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, OutlivingReader):
            setattr(sys, name, cast("TextIO", OutlivingReader(stream)))
