"""Doing the build steps that are not done."""

import fcntl
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from lab import machines
from lab.build.base import LAYER_PACKAGES
from lab.build.images import base_note
from lab.build.plan import layer_name, steps
from lab.build.registry import Registry
from lab.build.steps import Stamps, Step
from lab.debian import Apt, host_sources
from lab.errors import LabError
from lab.places import RUNTIME, Cache, Instance
from lab.progress import Progress
from lab.topology import MACHINES, Machine, Role

BASE = "base"
# Steps whose results are mounted below running machines: they cannot be replaced under them.
UNDER_MACHINES = {BASE, *(layer_name(role) for role in LAYER_PACKAGES)}
FROM_DEBIAN = {*UNDER_MACHINES, "kubernetes", "repository", "image-base"}


def build(cache: Cache, progress: Progress, roles: Collection[Role] = tuple(Role), *, thoroughly: bool = False) -> None:
    """Do every step that machines of these roles need and that is not done; thoroughly: look at every byte first."""
    apt = Apt(cache.apt, host_sources(), cache.path / "logs" / "apt.log")
    stamps = Stamps(cache.path / "stamps")
    (cache.path / "logs").mkdir(parents=True, exist_ok=True)
    with _lock(cache, progress):
        if thoroughly:
            with progress.step("Check what is built"):
                _drop_damaged_images(cache)
                missing = _missing(steps(cache, apt, roles), stamps, thoroughly=True)
        else:
            missing = _missing(steps(cache, apt, roles), stamps)
        if missing:
            _refuse_under_machines(cache, missing)
            _perform(cache, apt, stamps, missing, progress)


def _missing(wanted: Sequence[Step], stamps: Stamps, *, thoroughly: bool = False) -> list[Step]:
    """Steps to do: those that are not current, and those that come after one of them."""
    found: list[Step] = []
    for step in wanted:
        stale_before = any(before in found for before in step.after)
        if stale_before or not stamps.is_current(step, thoroughly=thoroughly):
            found.append(step)
    return found


def _perform(cache: Cache, apt: Apt, stamps: Stamps, missing: Sequence[Step], progress: Progress) -> None:
    if any(step.name in FROM_DEBIAN for step in missing):
        with progress.step("Package lists"):
            apt.update()
    for number, step in enumerate(missing, start=1):
        last = stamps.read(step.name)
        with progress.step(f"{step.title} ({number} of {len(missing)})", last.seconds if last else None):
            stamps.perform(step, cache.path / "logs" / f"{step.name}.log")
    Registry(cache.registry).sweep()


def _drop_damaged_images(cache: Cache) -> None:
    """Take the tags of damaged images away, so that their steps are no longer current."""
    registry = Registry(cache.registry)
    for image in registry.damaged():
        name, _, tag = image.rpartition(":")
        registry.untag(name, tag)
    if not registry.has(base_note(cache)):
        base_note(cache).unlink(missing_ok=True)


def _refuse_under_machines(cache: Cache, missing: Sequence[Step]) -> None:
    """The base is not replaced below machines that run on it."""
    under = [step.title for step in missing if step.name in UNDER_MACHINES]
    if under:
        for name in instances_up(cache):
            raise LabError(f"{', '.join(under)}: to be built anew, but machines of {name} run on it: "
                           f"KUBEPEER_LAB={name} python -m lab down")  # fmt: skip


def instances_up(cache: Cache) -> list[str]:
    """The instances of this cache that have a machine up."""
    folder = RUNTIME / "instances"
    found = [Instance(path.name, cache) for path in sorted(folder.glob("*"))] if folder.is_dir() else []
    return [one.name for one in found if one.path.exists() and any(machines.running(one, each) for each in MACHINES)]


def origin(cache: Cache, machine: Machine) -> str:
    """Which builds a machine's disk lies on; a disk made on other ones does not fit."""
    names = [BASE, *([layer_name(machine.role)] if machine.role in LAYER_PACKAGES else [])]
    found = [Stamps(cache.path / "stamps").read(name) for name in names]
    return " ".join(stamp.identity for stamp in found if stamp is not None)


@contextmanager
def _lock(cache: Cache, progress: Progress) -> Iterator[None]:
    """One build at a time in one cache; a second one waits for the first."""
    with (cache.path / "build.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("Wait for another build"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
