"""What ``show status`` says. Pure, and without NAPALM."""

from __future__ import annotations

import re
from dataclasses import dataclass

from napalm_bird.clock import moments

_VERSION = re.compile(r"^BIRD v?(\d+(?:\.\d+)*)", re.MULTILINE)
_ROUTER_ID = re.compile(r"^\s*Router ID is (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Status:
    """BIRD's version as numbers (empty where it does not tell), its router id, and its clock as it prints it."""

    version: tuple[int, ...]
    router_id: str
    now: str


def read(shown: str) -> Status:
    """Read ``show status``."""
    version, router_id = _VERSION.search(shown), _ROUTER_ID.search(shown)
    return Status(
        tuple(int(number) for number in version.group(1).split(".")) if version else (),
        router_id.group(1) if router_id else "",
        moments(shown).get("now", ""),
    )
