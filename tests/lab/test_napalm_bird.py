"""The BIRD driver's own live tests, NAPALM's configuration suite among them, on routers of an instance of its own: BIRD 2.0 and 3.1."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import places, requirements
from lab.build.plan import steps
from lab.debian import NEXT_RELEASE, RELEASE, Apt
from lab.errors import LabError
from lab.places import Cache, Instance
from lab.topology import BIRD3, STANDARD, TINY_UNRAID, Machine
from tests.conftest import unavailable
from tests.lab.laboratory import Laboratory

CHECKOUT = Path(__file__).resolve().parents[2]
DRIVER = CHECKOUT / "drivers" / "napalm-bird"
INSTANCE = "kp-bird"
VERSIONS = {"2.0": TINY_UNRAID, "3.1": BIRD3}
BUILD_SECONDS, TESTS_SECONDS = 3600, 2700


@dataclass(frozen=True)
class Router:
    """A router of the lab that may be changed at will."""

    laboratory: Laboratory
    machine: Machine


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    """The neighbours that every router has."""
    try:
        requirements.check()
        found = Laboratory(Instance(INSTANCE, places.cache()))
    except LabError as error:
        unavailable(str(error))
    found.from_nothing()
    found.must("up", "openwrt", "client", deadline=BUILD_SECONDS)
    yield found
    found.must("down")


FIRST, *FURTHER = VERSIONS


@pytest.fixture(
    scope="module",
    params=[FIRST, *(pytest.param(version, marks=pytest.mark.long("routers")) for version in FURTHER)],
    ids=lambda version: f"BIRD-{version}",
)
def router(request: pytest.FixtureRequest, laboratory: Laboratory) -> Iterator[Router]:
    """A router as somebody left it; the other one is off."""
    found = Router(laboratory, VERSIONS[request.param])
    laboratory.must("up", found.machine.name, deadline=BUILD_SECONDS)
    assert f"BIRD {request.param}." in laboratory.inside(found.machine.name, "birdc show status")
    yield found
    laboratory.must("cut", found.machine.name)


def test_a_plain_up_has_nothing_to_do_with_the_optional_router(tmp_path: Path) -> None:
    apts = {release: Apt(tmp_path, (), tmp_path, release) for release in (RELEASE, NEXT_RELEASE)}

    def built_for(machines: Sequence[Machine]) -> set[str]:
        return {step.name for step in steps(Cache(tmp_path), apts, {machine.role for machine in machines})}

    assert BIRD3 not in STANDARD
    assert built_for([BIRD3]) == {"base-trixie", "layer-next-bird-router"}
    assert built_for([BIRD3]) - built_for(STANDARD) == {"layer-next-bird-router"}, "nodes are of the same release"


def test_the_driver_passes_its_live_tests_on_a_real_router(router: Router) -> None:
    options = {
        "use_keys": True,
        "key_file": str(CHECKOUT / "var/lab/id_ed25519"),
        "ssh_strict": False,  # a router that was made a moment ago, in a network that nobody else is in
        "system_host_keys": False,
    }
    environment = os.environ | {
        "NAPALM_BIRD_HOST": router.machine.address,
        "NAPALM_BIRD_NAMESPACE": router.laboratory.name,
        "NAPALM_BIRD_OPTIONAL_ARGS": json.dumps(options),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live"],
        cwd=DRIVER, env=environment, capture_output=True, text=True, check=False, timeout=TESTS_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout.splitlines()[-1]
    assert "skipped" not in done.stdout.splitlines()[-1]
