"""What the driver needs on a router besides vtysh; who plans a change asks for it beforehand. Pure."""

from __future__ import annotations

from typing import Final

NEEDS_FRR_RELOAD: Final[bool] = True
"""Whether it takes changes back, and replaces, by frr-reload.py (package frr-pythontools)."""
