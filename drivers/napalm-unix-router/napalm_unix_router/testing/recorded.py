"""NAPALM's own suite for getters, fed with what real routers answered (mocked_data/TEST/CASE/, one file a command)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napalm.base.test import conftest
from napalm.base.test.double import BaseTestDouble

from napalm_unix_router.reading import UnixRouter
from napalm_unix_router.transport import Output


class RecordedRouter(BaseTestDouble):
    """A router that answers from files."""

    def __init__(self, tests: Path) -> None:
        """Keep the folder that holds mocked_data."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._tests = tests

    def find_file(self, filename: str) -> str:
        """Find a file of the current test; NAPALM's own looks beside the module of this class."""
        path = self._tests / "mocked_data" / self.current_test / self.current_test_case / filename
        if not path.exists():
            raise OSError(f"no recorded answer: {path}")
        return str(path)

    def run(self, script: str, timeout: float | None = None) -> Output:
        """Refuse: no getter runs a script."""
        raise AssertionError(f"no getter runs a script: {script!r} {timeout!r}")

    def read(self, commands: Sequence[str]) -> list[Output]:
        """Answer each command from the file that is named for it."""
        return [Output(0, self._answer(command), "") for command in commands]

    def is_alive(self) -> bool:
        """Tell that it is there."""
        return True

    def close(self) -> None:
        """Leave nothing."""

    def _answer(self, command: str) -> str:
        path = self.find_file(f"{self.sanitize_text(command)}.txt")  # type: ignore[no-untyped-call]
        return Path(path).read_text(encoding="utf-8")


def recorded(driver: type[UnixRouter], tests: Path) -> type[UnixRouter]:
    """Make the driver with a recorded router behind it."""

    def open_recorded(self: UnixRouter) -> None:
        self.device = RecordedRouter(tests)

    return type(f"Recorded{driver.__name__}", (driver,), {"patched_attrs": ("device",), "open": open_recorded})


def device_parameters(request: Any, driver: type[UnixRouter], vendor: str) -> Iterator[None]:
    """Give NAPALM's suite the driver that it asks for, as the fixture ``set_device_parameters``."""
    request.cls.driver = driver
    request.cls.patched_driver = recorded(driver, Path(request.path).parent)
    request.cls.vendor = vendor
    conftest.set_device_parameters(request)  # type: ignore[no-untyped-call]
    yield
    request.cls.device.close()
