"""Facts: what FRR and the router's shell say into NAPALM's shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from napalm.base.models import FactsDict
from napalm_unix_router import system

FACTS: Final = ("vtysh -c 'show version'", "vtysh -c 'show interface vrf all json'", *system.FACTS)

_VERSION = re.compile(r"FRRouting (\S+)")


def facts(answers: list[str], interfaces: Mapping[str, Any]) -> FactsDict:
    """Shape the answers to FACTS."""
    version = answers[0].strip()
    found = _VERSION.search(version)
    shown = found.group(1) if found else version.partition("\n")[0]
    return system.facts("FRRouting", shown, sorted(interfaces), answers[2:])
