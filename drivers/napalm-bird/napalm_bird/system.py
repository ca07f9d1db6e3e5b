"""Facts: what BIRD and the router's shell say into NAPALM's shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from napalm.base.models import FactsDict
from napalm_unix_router import system

_VERSION = re.compile(r"^BIRD (\S+)", re.MULTILINE)


def facts(status: str, links: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> FactsDict:
    """Shape ``show status``, ``ip -j link show`` and the answers to what every Unix is asked."""
    found = _VERSION.search(status)
    return system.facts("BIRD", found.group(1) if found else "", [one["ifname"] for one in links], answers)
