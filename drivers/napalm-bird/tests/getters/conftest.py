"""NAPALM's own suite for getters, fed with what real routers answered (mocked_data/TEST/CASE/, one file a command)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from napalm.base.test import conftest as napalm_conftest
from napalm.base.test.double import BaseTestDouble

from napalm_bird import BIRDDriver
from napalm_bird.transport import Output


class RecordedRouter(BaseTestDouble):
    """A router that answers from files."""

    def run(self, script: str, timeout: float | None = None) -> Output:
        raise AssertionError(f"no getter runs a script: {script!r} {timeout!r}")

    def read(self, commands: Sequence[str]) -> list[Output]:
        return [Output(0, self._answer(command), "") for command in commands]

    def is_alive(self) -> bool:
        return True

    def close(self) -> None:
        pass

    def _answer(self, command: str) -> str:
        path = self.find_file(f"{self.sanitize_text(command)}.txt")
        return Path(path).read_text(encoding="utf-8")


class RecordedBIRDDriver(BIRDDriver):
    """The driver with a recorded router behind it."""

    patched_attrs = ("device",)

    def open(self) -> None:
        self.device = RecordedRouter()


@pytest.fixture(scope="class")
def set_device_parameters(request: Any) -> Iterator[None]:
    request.cls.driver = BIRDDriver
    request.cls.patched_driver = RecordedBIRDDriver
    request.cls.vendor = "bird"
    napalm_conftest.set_device_parameters(request)
    yield
    request.cls.device.close()


def pytest_generate_tests(metafunc: Any) -> None:
    napalm_conftest.pytest_generate_tests(metafunc, __file__)
