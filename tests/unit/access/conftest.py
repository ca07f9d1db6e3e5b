"""A shell on this machine, as in tests/unit/linux."""

from tests.unit.linux.conftest import LocalShell, shell

__all__ = ["LocalShell", "shell"]
