"""NAPALM driver for FRRouting; NAPALM finds it as ``get_network_driver("frr")``.

The pure modules beside it (``shown``, ``as_numbers``) can be used without it, and without the time that NAPALM's
import takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napalm_frr.frr import FRRDriver

__all__ = ["FRRDriver"]


def __getattr__(name: str) -> Any:
    """Import the driver when it is asked for (PEP 562)."""
    if name != "FRRDriver":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napalm_frr.frr import FRRDriver  # noqa: PLC0415

    return FRRDriver


def __dir__() -> list[str]:
    """Name the driver too: NAPALM looks for it among a module's members."""
    return sorted({*globals(), *__all__})
