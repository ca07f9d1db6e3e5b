"""The BIRD driver's own live tests, NAPALM's configuration suite among them, on routers of an instance of its own.

BIRD 2.0 on Debian, the same beside busybox and nothing else, and 3.1.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.topology import BIRD3, BIRD_BOX, STANDARD, TINY_UNRAID
from tests.lab.driven import Driven, built_for, first_at_once, instance_of, powered
from tests.lab.laboratory import Laboratory

INSTANCE = "kp-bird"
VERSIONS = {"2.0": TINY_UNRAID, "2.0-busybox": BIRD_BOX, "3.1": BIRD3}


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Laboratory]:
    """The neighbours that every router has."""
    with instance_of(INSTANCE, "openwrt", "client") as found:
        yield found


@pytest.fixture(scope="module", params=first_at_once(VERSIONS), ids=lambda version: f"BIRD-{version}")
def router(request: pytest.FixtureRequest, laboratory: Laboratory) -> Iterator[Driven]:
    """A router as somebody left it; the other one is off."""
    with powered(laboratory, VERSIONS[request.param]) as found:
        assert f"BIRD {request.param.removesuffix('-busybox')}." in found.inside("birdc show status")
        yield found


def test_a_plain_up_has_nothing_to_do_with_the_optional_router(tmp_path: Path) -> None:
    assert not {BIRD3, BIRD_BOX} & set(STANDARD)
    assert built_for([BIRD_BOX], tmp_path) == {"layer-busybox-bird-router"}, "it stands on no base"
    assert built_for([BIRD3], tmp_path) == {"base-trixie", "layer-next-bird-router"}
    assert built_for([BIRD3], tmp_path) - built_for(STANDARD, tmp_path) == {"layer-next-bird-router"}, (
        "nodes are of the same release"
    )


def test_the_driver_passes_its_live_tests_on_a_real_router(router: Driven) -> None:
    router.pass_live_tests("bird")
