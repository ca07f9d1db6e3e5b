"""NAPALM's outside judgement of the getters: exact keys, exact types, no public method that NAPALM does not know."""

from __future__ import annotations

from pathlib import Path

import pytest
from napalm.base.test.getters import BaseTestGetters


@pytest.mark.usefixtures("set_device_parameters")
class TestGetters(BaseTestGetters):
    """Every test of the suite; getters that this driver does not have are skipped by it."""


VERSIONS = {"frr_8_4_4", "frr_10_3"}
RECORDINGS = sorted(path for path in (Path(__file__).parent / "mocked_data").iterdir() if path.is_dir())


@pytest.mark.parametrize("getter", RECORDINGS, ids=lambda path: path.name)
def test_every_getter_is_recorded_on_both_versions(getter: Path) -> None:
    cases = {path.name for path in getter.iterdir()}
    constructed = {name for name in cases if name.startswith("constructed_")}
    assert cases == constructed or cases >= VERSIONS
