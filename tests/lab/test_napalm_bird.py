"""The BIRD driver's own live tests, NAPALM's configuration suite among them, against a router of an instance of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import places, requirements
from lab.errors import LabError
from lab.places import Instance
from tests.conftest import unavailable
from tests.lab.laboratory import Laboratory

CHECKOUT = Path(__file__).resolve().parents[2]
DRIVER = CHECKOUT / "drivers" / "napalm-bird"
INSTANCE = "kp-bird"
ROUTER = "10.31.100.100"  # tiny-unraid
BUILD_SECONDS, TESTS_SECONDS = 3600, 2700


@pytest.fixture(scope="module")
def router() -> Iterator[Laboratory]:
    """A router as somebody left it, and the neighbours that it has."""
    try:
        requirements.check()
        laboratory = Laboratory(Instance(INSTANCE, places.cache()))
    except LabError as error:
        unavailable(str(error))
    laboratory.from_nothing()
    laboratory.must("up", "tiny-unraid", "openwrt", "client", deadline=BUILD_SECONDS)
    yield laboratory
    laboratory.must("down")


def test_the_driver_passes_its_live_tests_on_a_real_router(router: Laboratory) -> None:
    options = {
        "use_keys": True,
        "key_file": str(CHECKOUT / "var/lab/id_ed25519"),
        "ssh_strict": False,  # a router that was made a moment ago, in a network that nobody else is in
        "system_host_keys": False,
    }
    environment = os.environ | {
        "NAPALM_BIRD_HOST": ROUTER,
        "NAPALM_BIRD_NAMESPACE": router.name,
        "NAPALM_BIRD_OPTIONAL_ARGS": json.dumps(options),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live"],
        cwd=DRIVER, env=environment, capture_output=True, text=True, check=False, timeout=TESTS_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout.splitlines()[-1]
    assert "skipped" not in done.stdout.splitlines()[-1]
