"""BIRD's times: how it prints them, and how long ago they were (``timeformat`` in BIRD's manual)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_STATUS = re.compile(r"^\s*(Current server time is|Last reboot on|Last reconfiguration on) (.+)$", re.MULTILINE)
_DAY_TIME = re.compile(r"(\d{1,2}):(\d\d):(\d\d)(?:\.(\d+))?$")


def moments(status: str) -> dict[str, str]:
    """Read the three times of ``show status``: now, reboot, reconfiguration."""
    names = {"Current server time is": "now", "Last reboot on": "reboot", "Last reconfiguration on": "reconfiguration"}
    return {names[name]: moment.strip() for name, moment in _STATUS.findall(status)}


def loaded(status: str) -> int | None:
    """Return how many milliseconds after its start BIRD has read the configuration in force (scripts/state.sh)."""
    shown = moments(status)
    reboot, reconfiguration = instant(shown.get("reboot", "")), instant(shown.get("reconfiguration", ""))
    if reboot is None or reconfiguration is None:
        return None
    return (reconfiguration - reboot) // timedelta(milliseconds=1)


def instant(text: str) -> datetime | None:
    """Read a time that has a date; None for a format of the owner's own."""
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        return None


def age(text: str, now: str) -> int:
    """Turn a time into the seconds since then, -1 when it cannot be read.

    Without ``timeformat`` BIRD prints the time of the day for what is younger than 20 hours, and the date alone for
    what is older: then this is right to the day only.
    """
    present = instant(now)
    if present is None:
        return -1
    found = _DAY_TIME.match(text.strip())
    if not found:
        then = instant(text)
    else:
        hour, minute, second = (int(part) for part in found.groups()[:3])
        fraction = int((found.group(4) or "0").ljust(6, "0")[:6])
        then = present.replace(hour=hour, minute=minute, second=second, microsecond=fraction)
        if then > present + timedelta(seconds=1):
            then -= timedelta(days=1)
    return -1 if then is None else max(int((present - then).total_seconds()), 0)
