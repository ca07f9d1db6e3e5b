"""What the person at the keyboard sees: one line a step, with its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as LiveProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

TITLE_WIDTH = 44


class Progress:
    """Steps with their seconds: a spinner and a clock while one runs on a terminal, plain lines otherwise."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str, expected: float | None = None) -> Iterator[None]:
        """Show a step while it runs, with the time it took last time if that is known, and its time when it is done."""
        started = time.monotonic()
        note = f" (last time {expected:.0f} s)" if expected else ""
        if self.console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            with LiveProgress(*columns, console=self.console, transient=True) as live:
                live.add_task(f"{title}{note}")
                yield
            self.console.print(f" {title:<{TITLE_WIDTH}}", end="")
        else:
            # The title goes out at once: a log that is being watched shows what takes so long.
            self.console.print(f" {title:<{TITLE_WIDTH}}", end="", soft_wrap=True)
            self.console.file.flush()
            try:
                yield
            except BaseException:
                self.console.print()
                raise
        self.console.print(f"{time.monotonic() - started:7.1f} s")
