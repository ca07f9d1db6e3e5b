"""NAPALM's own suite for getters, fed with what real routers answered (mocked_data/TEST/CASE/, one file a command)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from napalm.base.test import conftest as napalm_conftest
from napalm_unix_router.testing.recorded import device_parameters

from napalm_bird import BIRDDriver


@pytest.fixture(scope="class")
def set_device_parameters(request: Any) -> Iterator[None]:
    yield from device_parameters(request, BIRDDriver, "bird")


def pytest_generate_tests(metafunc: Any) -> None:
    napalm_conftest.pytest_generate_tests(metafunc, __file__)
