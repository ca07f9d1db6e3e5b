"""What the person at the keyboard sees: one line a step, with its time; for a build also how much is left."""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as LiveProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from lab.build.steps import Step

TITLE_WIDTH = 44
LONG_SECONDS = 30  # a step that takes longer is announced where no spinner can show it


class Progress:
    """Steps with their seconds: a spinner and a clock while one runs on a terminal, plain lines otherwise."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while it runs, and its time when it is done."""
        started = time.monotonic()
        if self.console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            with LiveProgress(*columns, console=self.console, transient=True) as live:
                live.add_task(title)
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


class BuildProgress:
    """The steps of a build, of which several run at the same time."""

    def __init__(self, console: Console, steps: Collection[Step], concurrency: int) -> None:
        """Know what will be done.

        Args:
            console: where to print.
            steps: all that will be done.
            concurrency: how many steps are at work at the same time, for telling how much is left.

        """
        self.console = console
        self._todo = {step.name: step.seconds for step in steps}
        self._count = len(steps)
        self._concurrency = concurrency
        self._lock = threading.Lock()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._live = LiveProgress(*columns, console=console, transient=True) if console.is_terminal else None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While the build runs."""
        self.console.print(f" {self._count} steps to build, about {self._left()}")
        if self._live is None:
            yield
            return
        with self._live:
            yield

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """While one step runs; may be called from several threads."""
        started = time.monotonic()
        about = f" (about {step.seconds:.0f} s)" if step.seconds >= LONG_SECONDS else ""
        task = None
        if self._live is not None:
            task = self._live.add_task(f"{step.title}{about}")
        elif about:
            self._print(f" {step.title}{about} ...")
        try:
            yield
        finally:
            if self._live is not None and task is not None:
                self._live.remove_task(task)
        with self._lock:
            del self._todo[step.name]
            done = self._count - len(self._todo)
            left = f", about {self._left()} left" if self._todo else ""
        self._print(f" {step.title:<{TITLE_WIDTH}}{time.monotonic() - started:7.1f} s   {done} of {self._count}{left}")

    def _left(self) -> str:
        seconds = sum(self._todo.values()) / self._concurrency
        seconds = max([seconds, *self._todo.values()])
        return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"  # noqa: PLR2004  a minute and a half

    def _print(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)
        self.console.file.flush()
