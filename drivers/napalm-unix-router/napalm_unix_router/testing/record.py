"""Record what a router answers, for NAPALM's suite.

It runs the getter that a test is about on the router, writes down every answer, and what the driver makes of them.
Read expected_result.json before you commit it: it is what the tests will hold the driver to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napalm.base.test.double import BaseTestDouble

from napalm_unix_router.reading import UnixRouter
from napalm_unix_router.transport import Output, Router

# The arguments are those of napalm.base.test.getters.
GETTERS: dict[str, Callable[[UnixRouter], Any]] = {
    "test_is_alive": lambda device: device.is_alive(),
    "test_get_facts": lambda device: device.get_facts(),
    "test_get_interfaces": lambda device: device.get_interfaces(),
    "test_get_interfaces_ip": lambda device: device.get_interfaces_ip(),
    "test_get_arp_table": lambda device: device.get_arp_table(),
    "test_get_bgp_neighbors": lambda device: device.get_bgp_neighbors(),
    "test_get_bgp_neighbors_detail": lambda device: device.get_bgp_neighbors_detail(),
    "test_get_bgp_config": lambda device: device.get_bgp_config(),
    "test_get_network_instances": lambda device: device.get_network_instances(),
    "test_get_route_to": lambda device: device.get_route_to("1.0.4.0/24", "bgp"),
    "test_get_route_to_longer": lambda device: device.get_route_to("1.0.4.0/24", "bgp", longer=True),
    "test_get_config": lambda device: device.get_config(),
    "test_get_config_filtered": lambda device: device.get_config(retrieve="candidate"),
    "test_get_config_sanitized": lambda device: device.get_config(sanitized=True),
    "test_get_config_sanitized_filtered": lambda device: (
        device.get_config(retrieve="running", sanitized=True)
        | {"startup": device.get_config(retrieve="startup", sanitized=True)["startup"]}
    ),
    "test_ping": lambda device: device.ping("8.8.8.8"),
}


class Recorder:
    """A router whose answers are written down."""

    def __init__(self, router: Router, folder: Path) -> None:
        self._router = router
        self._folder = folder

    def read(self, commands: Sequence[str]) -> list[Output]:
        """Run commands, and keep what each said."""
        outputs = self._router.read(commands)
        for command, output in zip(commands, outputs, strict=True):
            name = BaseTestDouble.sanitize_text(command)  # type: ignore[no-untyped-call]
            (self._folder / f"{name}.txt").write_text(output.out, encoding="utf-8")
        return outputs

    def run(self, script: str, timeout: float | None = None) -> Output:
        """Run a script."""
        return self._router.run(script, timeout)

    def is_alive(self) -> bool:
        """Tell whether commands can be run."""
        return self._router.is_alive()

    def close(self) -> None:
        """Leave."""
        self._router.close()


def record(driver: type[UnixRouter], tests: Path, test: str, case: str, host: str, optional: str = "{}") -> None:
    """Record one test of the suite as root on a host; ``optional`` is JSON, as the driver takes it."""
    folder = tests / "mocked_data" / test / case
    folder.mkdir(parents=True, exist_ok=True)
    device = driver(host, "root", "", optional_args=json.loads(optional))
    with device:
        if device.device is not None:
            device.device = Recorder(device.device, folder)
        result = GETTERS[test](device)
    (folder / "expected_result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
