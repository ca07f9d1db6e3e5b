"""The browser that looks at reports: built from an empty cache by itself, and by nothing else."""

from pathlib import Path

from lab.build.builder import FROM_DEBIAN
from lab.build.plan import steps
from lab.debian import Apt, Source
from lab.places import Cache
from lab.topology import MACHINES, Role

RELEASES = ("bookworm", "trixie", "sid")


def test_it_stands_on_a_base_and_on_nothing_of_the_machines(tmp_path: Path) -> None:
    apts = {
        name: Apt(tmp_path, (Source("http://mirror.example.org", name),), tmp_path / "log", name) for name in RELEASES
    }
    assert [step.name for step in steps(Cache(tmp_path), apts, {Role.BROWSER})] == ["base", "layer-browser"]
    assert FROM_DEBIAN["layer-browser"] == FROM_DEBIAN["base"]


def test_no_machine_is_one_so_that_no_lab_waits_for_it() -> None:
    assert Role.BROWSER not in {machine.role for machine in MACHINES}
