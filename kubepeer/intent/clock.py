"""The section `time`: what keeps a node's clock."""

from typing import Annotated, Literal

from kubepeer.intent.section import Section
from kubepeer.intent.values import written

ZoneName = Annotated[
    str, written(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", "a time zone is AREA/CITY, as in /usr/share/zoneinfo")
]


class Time(Section):
    """The daemon that follows `time_servers`, the zone, and the clock of the board.

    Attributes:
        daemon: chrony, or ntpd (the package ntpsec).
        package_servers: those that chrony's own package names are commented out, or stay beside the inventory's.
        zone: None leaves the machine's.
        hardware_clock: in which time the board's clock runs (adjtime(5)); None leaves it as it is.

    """

    daemon: Literal["chrony", "ntp"] = "chrony"
    package_servers: Literal["removed", "kept"] = "removed"
    zone: ZoneName | None = None
    hardware_clock: Literal["utc", "local"] | None = None
