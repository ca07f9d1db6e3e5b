"""NAPALM's outside judgement of the getters: exact keys, exact types, no public method that NAPALM does not know."""

from __future__ import annotations

import pytest
from napalm.base.test.getters import BaseTestGetters


@pytest.mark.usefixtures("set_device_parameters")
class TestGetters(BaseTestGetters):
    """Every test of the suite; getters that this driver does not have are skipped by it."""
