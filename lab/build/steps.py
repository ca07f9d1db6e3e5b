"""A build step: what it is made from, what it makes, and the stamp that says it is done.

A stamp holds the checksum of the step's inputs and two summaries of what the step left behind: a quick one (names,
sizes, times), looked at whenever the lab goes up, and one over all contents, looked at by `lab build`. A step runs
again when one of them no longer fits. Its work goes to a place that is renamed at the end, so an interrupted step has
no stamp and simply runs again; finished steps and downloads stay.
"""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from lab.build.checksums import contents, listing, of_texts
from lab.errors import LabError


class Lane(Enum):
    """Steps that would hinder each other: the compiler wants all processors, package managers have locks."""

    MODULES = "modules"
    COMPILER = "compiler"
    DEBIAN = "debian"


@dataclass(frozen=True)
class Step:
    """One thing to build. A change of its inputs (texts and files), or of a step it comes after, builds it anew.

    Attributes:
        lane: what it mostly waits for; the steps of one lane are done one after the other, beside those of the others.
        seconds: how long it took on two processors from an empty cache; for telling how much is left.

    """

    name: str
    title: str
    inputs: tuple[str | Path, ...]
    outputs: tuple[Path, ...]
    build: Callable[[Path], None]
    after: tuple["Step", ...] = ()
    lane: Lane = Lane.DEBIAN
    seconds: float = 2.0

    def checksum(self) -> str:
        """One checksum over all inputs."""
        own = [contents(item) if isinstance(item, Path) else item for item in self.inputs]
        return of_texts([*own, *(step.checksum() for step in self.after)])


@dataclass(frozen=True)
class Stamp:
    """What is known of a finished step; `identity` tells two builds from the same inputs apart."""

    inputs: str
    outputs: str
    contents: str
    identity: str
    seconds: float


@dataclass(frozen=True)
class Stamps:
    """The folder with the stamps of one cache."""

    folder: Path

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def read(self, name: str) -> Stamp | None:
        """A step's stamp, if it was ever finished."""
        try:
            return Stamp(**json.loads(self._file(name).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def is_current(self, step: Step, *, thoroughly: bool = False) -> bool:
        """Whether the stamp fits the inputs and what lies in the outputs; thoroughly: every byte of it."""
        stamp = self.read(step.name)
        if stamp is None or stamp.inputs != step.checksum() or stamp.outputs != of_texts(map(listing, step.outputs)):
            return False
        return not thoroughly or stamp.contents == of_texts(map(contents, step.outputs))

    def perform(self, step: Step, log: Path) -> None:
        """Build a step and stamp it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file(step.name).unlink(missing_ok=True)
        log.write_text("")
        inputs = step.checksum()
        started = time.monotonic()
        step.build(log)
        for path in step.outputs:
            if not path.exists():
                raise LabError(f"build step {step.name} did not make {path} (log: {log})")
        stamp = Stamp(
            inputs,
            of_texts(map(listing, step.outputs)),
            of_texts(map(contents, step.outputs)),
            uuid.uuid4().hex,
            round(time.monotonic() - started, 1),
        )
        temporary = self._file(step.name).with_suffix(".new")
        temporary.write_text(json.dumps(asdict(stamp)))
        temporary.replace(self._file(step.name))
