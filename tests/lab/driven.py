"""A NAPALM driver of this repository on real routers: one after the other, in an instance of its own, and its live tests against each."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab import places, requirements
from lab.build.plan import steps
from lab.debian import NEXT_RELEASE, RELEASE, UNSTABLE, Apt
from lab.errors import LabError
from lab.places import Cache, Instance
from lab.topology import Machine
from tests.conftest import CHECKOUT, unavailable
from tests.lab.laboratory import Laboratory

BUILD_SECONDS, TESTS_SECONDS = 3600, 2700
OPTIONS = {
    "use_keys": True,
    "key_file": str(CHECKOUT / "var/lab/id_ed25519"),
    "ssh_strict": False,  # a router that was made a moment ago, in a network that nobody else is in
    "system_host_keys": False,
}


@dataclass(frozen=True)
class Driven:
    """A router of the lab that may be changed at will."""

    laboratory: Laboratory
    machine: Machine

    def inside(self, script: str) -> str:
        """What a shell script prints on the router."""
        return self.laboratory.inside(self.machine.name, script)

    def pass_live_tests(self, driver: str, *options: str) -> None:
        """Run tests/live of a driver's folder against it; what is not passed, or skipped, ends the test.

        Args:
            driver: NAPALM's name of it.
            options: more words for pytest.

        """
        prefix = f"NAPALM_{driver.upper()}"
        environment = os.environ | {
            f"{prefix}_HOST": self.machine.address,
            f"{prefix}_NAMESPACE": self.laboratory.name,
            f"{prefix}_OPTIONAL_ARGS": json.dumps(OPTIONS),
        }
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live", *options],
            cwd=CHECKOUT / "drivers" / f"napalm-{driver}",
            env=environment, capture_output=True, text=True, check=False, timeout=TESTS_SECONDS,
        )  # fmt: skip
        said = done.stdout[-4000:]
        assert done.returncode == 0, said
        assert " passed" in done.stdout.splitlines()[-1], said
        assert "skipped" not in done.stdout.splitlines()[-1], said


@contextmanager
def instance_of(name: str, *neighbours: str) -> Iterator[Laboratory]:
    """An instance from nothing, in which the neighbours are up that every router has; nothing of it is up afterwards."""
    try:
        requirements.check()
        found = Laboratory(Instance(name, places.cache()))
    except LabError as error:
        unavailable(str(error))
    found.from_nothing()
    found.must("up", *neighbours, deadline=BUILD_SECONDS)
    yield found
    found.must("down")


@contextmanager
def powered(laboratory: Laboratory, machine: Machine) -> Iterator[Driven]:
    """A router as somebody left it; it is off afterwards."""
    laboratory.must("up", machine.name, deadline=BUILD_SECONDS)
    yield Driven(laboratory, machine)
    laboratory.must("cut", machine.name)


def first_at_once(routers: Iterable[Any]) -> list[Any]:
    """Parameters for a fixture: the first router is tried in every run, the further ones in PART=routers."""
    first, *further = routers
    return [first, *(pytest.param(one, marks=pytest.mark.long("routers")) for one in further)]


def built_for(machines: Sequence[Machine], folder: Path) -> set[str]:
    """The names of the steps that these machines need of a build."""
    apts = {release: Apt(folder, (), folder, release) for release in (RELEASE, NEXT_RELEASE, UNSTABLE)}
    return {step.name for step in steps(Cache(folder), apts, {machine.role for machine in machines})}
