"""The lab's build: steps of one lane one after the other, lanes side by side, and the first failure told (lab/build/builder.py)."""

import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lab.build.builder import _refuse_under_machines, _Work
from lab.build.steps import Lane, Stamps, Step
from lab.errors import LabError
from lab.places import Cache, Instance
from lab.progress import Progress
from lab.topology import OPENWRT


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    (tmp_path / "logs").mkdir()
    return Cache(tmp_path)


def step(cache: Cache, name: str, lane: Lane, does: Callable[[], object], after: tuple[Step, ...] = ()) -> Step:
    def build(_: Path) -> None:
        does()
        (cache.path / name).write_text(name)

    return Step(name, name, (name,), (cache.path / name,), build, after, lane, seconds=40)


def perform(cache: Cache, *steps: Step) -> str:
    said = StringIO()
    _Work(cache, Stamps(cache.path / "stamps"), steps).perform(Progress(Console(file=said, width=120)))
    return said.getvalue()


def test_a_step_waits_for_one_of_another_lane_and_the_lanes_run_side_by_side(cache: Cache) -> None:
    order: list[str] = []
    compiling, packed = threading.Event(), threading.Event()

    def compile_it() -> None:
        compiling.set()
        assert packed.wait(10), "the other lane stood still"
        order.append("compile")

    def pack() -> None:
        assert compiling.wait(10), "the compiler stood still"
        order.append("pack")
        packed.set()

    compiled = step(cache, "compiled", Lane.COMPILER, compile_it)
    said = perform(
        cache, compiled, step(cache, "packed", Lane.DEBIAN, pack),
        step(cache, "both", Lane.DEBIAN, lambda: order.append("both"), (compiled,)),
    )  # fmt: skip
    assert order == ["pack", "compile", "both"]
    assert "3 steps to build" in said
    assert "3 of 3" in said


def test_the_first_failure_ends_the_build_and_what_comes_after_is_not_begun(cache: Cache) -> None:
    begun: list[str] = []

    def fail() -> None:
        raise LabError("the disk is full")

    failed = step(cache, "failed", Lane.DEBIAN, fail)
    after = step(cache, "after", Lane.COMPILER, lambda: begun.append("after"), (failed,))
    with pytest.raises(LabError, match="the disk is full"):
        perform(cache, failed, after)
    assert begun == []
    assert not Stamps(cache.path / "stamps").is_current(failed)


def test_a_build_is_refused_only_under_machines_whose_disks_were_made_on_it(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine may be up whose disk an older lab has made on something else."""
    root = step(cache, "layer-busybox-router", Lane.DEBIAN, lambda: None)
    perform(cache, root)
    stamp = Stamps(cache.path / "stamps").read(root.name)
    assert stamp is not None
    instance = Instance("kp-unit", cache)
    made = instance.disk(OPENWRT) / "made"
    made.parent.mkdir(parents=True)
    monkeypatch.setattr("lab.build.builder._machines_up", lambda _cache: [(instance, OPENWRT)])
    made.write_text("of an older lab")
    _refuse_under_machines(cache, [root])
    made.write_text(f"another {stamp.identity}")
    with pytest.raises(LabError, match="layer-busybox-router: to be built anew, but machines of kp-unit run on it"):
        _refuse_under_machines(cache, [root])
