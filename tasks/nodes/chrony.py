"""The time servers of a node: where chrony of its system reads them. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, block, clearing_marker, file, marker_of, restart
from tasks.nodes.systems import RPM, System

TIME_FILE = "/etc/chrony/sources.d/kubepeer.sources"  # chrony.conf of Debian reads this folder
CHRONY_CONF = (
    "/etc/chrony.conf"  # of rpm's systems, where no folder of sources outlives a boot (sourcedir /run/chrony-dhcp)
)
PATHS = (TIME_FILE, CHRONY_CONF)
# What Red Hat's own file says beside its servers; ours where the package, which keeps a file that is there, has not come yet.
CHRONY_CONF_BASE = """# Written by Kubepeer before the package: what its own file says, without its servers.
driftfile /var/lib/chrony/drift
makestep 1.0 3
rtcsync
keyfile /etc/chrony.keys
leapsectz right/UTC
logdir /var/log/chrony
"""


def plan(intent: Intent, system: System, seen: Seen) -> Iterator[LinuxChange | None]:
    """The inventory's servers beside those that are there."""
    if not intent.time_servers:
        return
    servers = [f"server {server} iburst" for server in intent.time_servers]
    unit = system.places.time_unit
    marker = marker_of(unit)
    if system.family == RPM:
        stands = seen.files[CHRONY_CONF]
        text = block(stands.content if stands else CHRONY_CONF_BASE, servers, "kubepeer")
        change = file(CHRONY_CONF, text, stands, restart_marker=marker)
    else:
        change = file(TIME_FILE, "".join(f"{line}\n" for line in servers), seen.files[TIME_FILE], restart_marker=marker)
    yield change
    if not change and unit not in seen["restarts"].lines:
        return
    if system.family == RPM:
        yield restart(unit)
    else:
        yield action("chrony sources", "reloaded", clearing_marker(unit, "chronyc -n reload sources"), deadline=20)
