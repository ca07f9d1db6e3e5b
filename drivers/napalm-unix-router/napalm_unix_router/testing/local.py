"""A shell of this host, which stands in for the one behind SSH."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from napalm_unix_router.transport import Output

NOTHING: Mapping[str, str] = MappingProxyType({})


class LocalRouter:
    """What a driver holds as its device, to be held to its promises on any shell."""

    def __init__(self, shell: str, environment: Mapping[str, str] = NOTHING) -> None:
        self._shell, self._environment = shell, environment

    def run(self, script: str, timeout: float | None = None) -> Output:
        """Run a script there."""
        done = subprocess.run(
            [self._shell, "-s"], input=script, capture_output=True, text=True, check=False, timeout=timeout,
            env=dict(self._environment),
        )  # fmt: skip
        return Output(done.returncode, done.stdout, done.stderr)

    def read(self, commands: Sequence[str]) -> list[Output]:
        """Run one after the other."""
        return [self.run(command) for command in commands]

    def is_alive(self) -> bool:
        """It is always there."""
        return True

    def close(self) -> None:
        """Nothing is open."""
