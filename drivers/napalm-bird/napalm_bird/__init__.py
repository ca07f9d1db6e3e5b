"""NAPALM driver for BIRD 2 and 3; NAPALM finds it as ``get_network_driver("bird")``.

The readers of BIRD's texts (``routes``, ``protocols``, ``status``, ``configuration``, ``files``) stand alone: who
imports one of them does not wait for NAPALM, netmiko and paramiko. So the driver's class is imported when it is first
asked for (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napalm_bird.bird import BIRDDriver

__all__ = ["BIRDDriver"]


def __getattr__(name: str) -> Any:
    if name != "BIRDDriver":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napalm_bird.bird import BIRDDriver  # noqa: PLC0415

    return BIRDDriver


def __dir__() -> list[str]:
    """NAPALM looks through the module for the driver's class."""
    return [*globals(), *__all__]
