"""The build steps in their order, and doing those that are not done."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.build.base import BASE_PACKAGES, LAYER_PACKAGES, build_base, build_layer
from lab.build.steps import Step, is_current, perform
from lab.debian import RELEASE, Apt, host_sources
from lab.places import Cache
from lab.progress import Progress


def apt_of(cache: Cache) -> Apt:
    """The lab's own apt."""
    return Apt(cache.apt, host_sources(), cache.path / "logs" / "apt.log")


def steps(cache: Cache, apt: Apt) -> tuple[Step, ...]:
    """Every step; each comes after those it needs."""
    mirrors = tuple(f"{source.uri} {source.suite}" for source in apt.sources)
    base_inputs = ("1", RELEASE, *BASE_PACKAGES, *mirrors)
    base = Step(
        "base", "Base of the machines", base_inputs, (cache.base,), lambda log: build_base(cache, apt, log)
    )  # fmt: skip
    layers = tuple(
        Step(f"layer-{role}", f"Layer of the {role}", ("1", *base_inputs, *packages), (cache.layer(role),),
             lambda log, role=role: build_layer(role, cache, apt, log))  # type: ignore[misc]
        for role, packages in LAYER_PACKAGES.items()
    )  # fmt: skip
    return (base, *layers)


def build(cache: Cache, progress: Progress, only: Sequence[str] = ()) -> None:
    """Do every step that is not done (or only the named ones)."""
    apt = apt_of(cache)
    stamps = cache.path / "stamps"
    wanted = [step for step in steps(cache, apt) if not only or step.name in only]
    with _lock(cache):
        missing = [step for step in wanted if not is_current(step, stamps)]
        if not missing:
            return
        (cache.path / "logs").mkdir(parents=True, exist_ok=True)
        with progress.step("Package lists"):
            apt.update()
        for step in missing:
            # A step before it may have brought the inputs to what the stamp says: an edit taken back, say.
            if not is_current(step, stamps):
                with progress.step(step.title):
                    perform(step, stamps, _log(cache, step))


def _log(cache: Cache, step: Step) -> Path:
    return cache.path / "logs" / f"{step.name}.log"


@contextmanager
def _lock(cache: Cache) -> Iterator[None]:
    """One build at a time in one cache; a second one waits for the first."""
    cache.path.mkdir(parents=True, exist_ok=True)
    with (cache.path / "build.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
