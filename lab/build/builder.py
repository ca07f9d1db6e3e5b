"""Doing the build steps that are not done: one of each lane at a time, the lanes side by side."""

import fcntl
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from lab import disks, machines, processes
from lab.build import next_minor, promtool
from lab.build.base import LAYER_PACKAGES, release_of
from lab.build.besides import ASKED_FOR
from lab.build.busybox import ROOT_PACKAGES
from lab.build.images import base_note
from lab.build.plan import base_name, layer_name, steps
from lab.build.registry import Registry
from lab.build.steps import Lane, Stamps, Step
from lab.debian import NEXT_RELEASE, RELEASE, UNSTABLE, Apt, host_sources
from lab.errors import LabError
from lab.places import RUNTIME, Cache, Instance
from lab.progress import BuildProgress, Progress
from lab.topology import MACHINES, Machine, Role

RELEASES = (RELEASE, NEXT_RELEASE, UNSTABLE)
# Steps that take packages from Debian, and of which release.
FROM_DEBIAN = {
    **{base_name(release): release for release in RELEASES},
    **{layer_name(role): release_of(role) for role in (*LAYER_PACKAGES, *ROOT_PACKAGES)},
    **{f"repository-{release}": release for release in RELEASES},
    "image-base": RELEASE,
    "rpm-repositories": RELEASE,
    f"rpm-repository-{next_minor.NAME}": RELEASE,
    f"program-{promtool.NAME}": RELEASE,
}


def build(
    cache: Cache,
    progress: Progress,
    roles: Collection[Role] | None = None,
    *,
    thoroughly: bool = False,
    besides: Collection[str] = (),
) -> None:
    """Do every step that machines of these roles need and that is not done; thoroughly: look at every byte first.

    Without roles: those of all machines but the optional ones, and of these what was built before. Besides: what is built
    only when it is asked for, of besides.ASKED_FOR.
    """
    if roles is None:
        roles = {each.role for each in MACHINES if not each.optional or cache.layer(each.role).exists()}
    apts = {release: _apt(cache, release) for release in RELEASES}
    wanted = steps(cache, apts, roles)
    for name in besides:
        wanted += ASKED_FOR[name](cache, wanted)
    stamps = Stamps(cache.path / "stamps")
    (cache.path / "logs").mkdir(parents=True, exist_ok=True)
    with _lock(cache, progress):
        if thoroughly:
            with progress.step("Check what is built"):
                _drop_damaged_images(cache)
                missing = _missing(wanted, stamps, thoroughly=True)
        else:
            missing = _missing(wanted, stamps)
        if missing:
            _refuse_under_machines(cache, missing)
            for release in dict.fromkeys(FROM_DEBIAN[step.name] for step in missing if step.name in FROM_DEBIAN):
                with progress.step(f"Package lists, {release}"):
                    apts[release].update()
            _Work(cache, stamps, missing).perform(progress)
            Registry(cache.registry).sweep()


class _Work:
    """The steps of one build, by lanes."""

    def __init__(self, cache: Cache, stamps: Stamps, missing: Sequence[Step]) -> None:
        self._cache, self._stamps, self._missing = cache, stamps, missing
        self._done = {step.name: threading.Event() for step in missing}
        self._given_up = threading.Event()
        self._failure: Exception | None = None

    def perform(self, progress: Progress) -> None:
        """Do all steps; the first failure ends the others' work after their running step."""
        lanes = [lane for lane in Lane if any(step.lane is lane for step in self._missing)]
        shown = BuildProgress(progress.console, self._missing, min(len(lanes), 2))
        with shown.shown(), ThreadPoolExecutor(len(lanes)) as pool:
            working = [pool.submit(self._lane, lane, shown) for lane in lanes]
            try:
                wait(working, return_when=FIRST_EXCEPTION)
            finally:
                self._end(working)
        if self._failure is not None:
            raise self._failure

    def _end(self, working: Sequence[Future[None]]) -> None:
        """Let everybody go who waits for a step; after Ctrl-C or a failure the programs that run are ended, too."""
        if all(future.done() and future.exception() is None for future in working):
            return
        self._given_up.set()
        for event in self._done.values():
            event.set()
        processes.end_all()

    def _lane(self, lane: Lane, shown: BuildProgress) -> None:
        for step in (one for one in self._missing if one.lane is lane):
            for before in step.after:
                if before.name in self._done:
                    self._done[before.name].wait()
            if self._given_up.is_set():
                return
            try:
                with shown.step(step):
                    self._stamps.perform(step, self._cache.path / "logs" / f"{step.name}.log")
            except Exception as error:
                self._failure = self._failure or error  # those that come after it fail since their programs are ended
                raise
            self._done[step.name].set()


def _apt(cache: Cache, release: str) -> Apt:
    folder = cache.apt if release == RELEASE else cache.path / f"apt-{release}"
    return Apt(folder, host_sources(wanted=release), cache.path / "logs" / f"{folder.name}.log", release)


def _missing(wanted: Sequence[Step], stamps: Stamps, *, thoroughly: bool = False) -> list[Step]:
    """Steps to do: those that are not current, and those that come after one of them."""
    found: list[Step] = []
    for step in wanted:
        stale_before = any(before in found for before in step.after)
        if stale_before or not stamps.is_current(step, thoroughly=thoroughly):
            found.append(step)
    return found


def _drop_damaged_images(cache: Cache) -> None:
    """Take the tags of damaged images away, so that their steps are no longer current."""
    registry = Registry(cache.registry)
    for image in registry.damaged():
        name, _, tag = image.rpartition(":")
        registry.untag(name, tag)
    if not registry.has(base_note(cache)):
        base_note(cache).unlink(missing_ok=True)


def _refuse_under_machines(cache: Cache, missing: Sequence[Step]) -> None:
    """What is mounted below a running machine is not replaced under it."""
    for instance, machine in _machines_up(cache):
        under = [step.title for step in missing if _stands_on(instance, machine, step)]
        if under:
            raise LabError(f"{', '.join(under)}: to be built anew, but machines of {instance.name} run on it: "
                           f"KUBEPEER_LAB={instance.name} python -m lab down")  # fmt: skip


def _stands_on(instance: Instance, machine: Machine, step: Step) -> bool:
    """Whether a machine's disk was made on what a step has built: an older lab may have made it on something else."""
    stamp = Stamps(instance.cache.path / "stamps").read(step.name)
    if stamp is None:
        return step.name in _below(machine) and any(map(Path.exists, step.outputs))
    return stamp.identity in disks.origin(instance, machine).split()


def _machines_up(cache: Cache) -> Iterator[tuple[Instance, Machine]]:
    """Every machine that is up and has its disk in this cache."""
    folder = RUNTIME / "instances"
    found = [Instance(path.name, cache) for path in sorted(folder.glob("*"))] if folder.is_dir() else []
    for instance in (one for one in found if one.path.exists()):
        yield from ((instance, each) for each in MACHINES if machines.running(instance, each))


def _below(machine: Machine) -> list[str]:
    """The steps whose results are mounted below a machine."""
    base = [base_name(release_of(machine.role))] if machine.has_systemd else []
    return [*base, *([layer_name(machine.role)] if machine.role in (*LAYER_PACKAGES, *ROOT_PACKAGES) else [])]


def origin(cache: Cache, machine: Machine) -> str:
    """Which builds a machine's disk lies on; a disk made on other ones does not fit."""
    found = [Stamps(cache.path / "stamps").read(name) for name in _below(machine)]
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
