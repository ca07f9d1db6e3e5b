"""What the person at the keyboard sees: one line a step, with its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Steps with their seconds: a spinner while one runs on a terminal, plain lines otherwise."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while it runs, and its time when it is done."""
        started = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(title):
                yield
        else:
            self.console.print(f" {title} ...", highlight=False)
            yield
        self.console.print(f" {title:<34} {time.monotonic() - started:7.1f} s", highlight=False)
