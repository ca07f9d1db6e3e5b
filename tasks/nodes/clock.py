"""A node's clock: the daemon that follows the inventory's servers and no others, the zone, the board's own clock. Pure.

etcd and certificates need clocks that agree. Chrony of Debian's systems reads files of a folder beside its own configuration, which stays
the package's; on rpm's systems, where no folder of sources outlives a boot (sourcedir /run/chrony-dhcp), ours is a block of chrony.conf.
ntpd's configuration is ours as a whole, since it reads one file. A clock that is not taken from a server is waited for.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from kubepeer.intent import Intent
from tasks.linux.observe import Seen
from tasks.linux.state import (
    COMMENT,
    LinuxChange,
    action,
    block,
    clearing_marker,
    commented,
    file,
    marker_of,
    restart,
    unit,
)
from tasks.linux.templates import render
from tasks.nodes import units
from tasks.nodes.systems import APT, RPM, System, by_family

CHRONY_FILE = "/etc/chrony/sources.d/kubepeer.sources"  # chrony.conf of Debian reads this folder
CHRONY_CONF = "/etc/chrony.conf"  # of rpm's systems
NTP_FILE = "/etc/ntpsec/ntp.conf"
NTP_FILE_OF_RPM = "/etc/ntp.conf"
# What Red Hat's own file says beside its servers; ours where the package, which keeps a file that is there, has not come yet.
CHRONY_CONF_BASE = """# Written by Kubepeer before the package: what its own file says, without its servers.
driftfile /var/lib/chrony/drift
makestep 1.0 3
rtcsync
keyfile /etc/chrony.keys
leapsectz right/UTC
logdir /var/log/chrony
"""
# Where chrony's package, or the image's maker, names servers: Debian and Ubuntu, then Red Hat's systems (chrony.conf(5))
OTHER_FILES = "/etc/chrony/chrony.conf /etc/chrony/conf.d/*.conf /etc/chrony/sources.d/*.sources /etc/chrony.d/*.conf"
SERVER = re.compile(r"[ \t]*(?:server|pool|peer)[ \t]", re.IGNORECASE)
SERVER_LINE = r"^[[:space:]]*(server|pool|peer)[[:space:]]"
WAIT_SECONDS = 30  # iburst: four questions, two seconds apart, once the name is resolved
YOUNG_SECONDS = 60  # after a boot a daemon has not failed yet
ZONES = "/usr/share/zoneinfo"

# Lines of `chronyc -c sources`: mode, state (* is the one that is followed), address, stratum, poll, reach ... A daemon that has just
# begun gets the time that it needs; any other answers at once.
CHRONY_QUESTION = f"""{by_family(apt="d=chrony", rpm="d=chronyd")}
s() {{ chronyc -c -n sources 2>/dev/null; }}
up() {{ t=$(systemctl show -p ActiveEnterTimestampMonotonic --value $d 2>/dev/null); read -r u _ </proc/uptime
[ "${{t:-0}}" != 0 ] && [ $((${{u%.*}} - t / 1000000)) -lt {YOUNG_SECONDS} ]; }}
case "$(s)" in *^,\\**) ;; *) ! up || chronyc waitsync 15 0 0 1 >/dev/null 2>&1;; esac; s; true"""
# A daemon that had no answer for long asks every 17 minutes at last (maxpoll of chrony.conf(5)): it is told to ask now.
CHRONY_WAIT = f"""chronyc burst 4/8 >/dev/null 2>&1
chronyc waitsync {WAIT_SECONDS} 0 0 1 >/dev/null 2>&1 && exit 0
said=$(chronyc -c -n sources 2>/dev/null | awk -F, '$6 == 0 {{ printf "%s%s does not answer", n++ ? ", " : "", $3 }}')
echo "${{said:-no server is followed (chronyc sources)}}, for {WAIT_SECONDS} s" >&2; exit 1"""
NTP_QUESTION = "ntpq -pn 2>/dev/null; true"
NTP_WAIT = f"""n=0; until ntpq -pn 2>/dev/null | grep -q '^\\*'; do
    n=$((n + 1)); [ $n -lt {WAIT_SECONDS} ] || {{
    said=$(ntpq -pn 2>/dev/null | awk 'NR > 2 && $7 == 0 {{ printf "%s%s does not answer", n++ ? ", " : "", $1 }}')
    echo "${{said:-no server is followed (ntpq -p)}}, for {2 * WAIT_SECONDS} s" >&2; exit 1; }}
    sleep 2
done"""
ZONE_QUESTION = "readlink /etc/localtime; [ ! -e /etc/timezone ] || cat /etc/timezone; true"
# The third line of adjtime(5); without the file the clock runs in UTC
RTC_QUESTION = "for d in /dev/rtc /dev/rtc0; do [ ! -e $d ] || { l=$(sed -n 3p /etc/adjtime 2>/dev/null); echo ${l:-UTC}; break; }; done"
SECONDS = 20
BLOCK = "kubepeer"


@dataclass(frozen=True)
class Daemon:
    """A daemon that keeps the clock.

    Attributes:
        unit: its name on this family of systems.
        path: the file that names the servers.
        question: whom it follows.
        wait: a script that ends when it follows somebody; or says who does not answer.

    """

    unit: str
    path: str
    question: str
    wait: str


DAEMONS = {
    "chrony": {
        APT: Daemon("chrony", CHRONY_FILE, CHRONY_QUESTION, CHRONY_WAIT),
        RPM: Daemon("chronyd", CHRONY_CONF, CHRONY_QUESTION, CHRONY_WAIT),
    },
    "ntp": {
        APT: Daemon("ntpsec", NTP_FILE, NTP_QUESTION, NTP_WAIT),
        RPM: Daemon("ntpd", NTP_FILE_OF_RPM, NTP_QUESTION, NTP_WAIT),
    },
}


def daemon(intent: Intent, system: System) -> Daemon:
    """The inventory's, as it is on this system; Debian's on one of no family, which preflight refuses."""
    return DAEMONS[intent.time.daemon][system.family or APT]


def paths(intent: Intent) -> list[str]:
    """Files that the plan looks at."""
    return [one.path for one in DAEMONS[intent.time.daemon].values()]


def questions(intent: Intent) -> dict[str, str]:
    """Whom the clock follows; the rest only where the inventory speaks of it."""
    time = intent.time
    servers = f"grep -HiE '{SERVER_LINE}' {OTHER_FILES} 2>/dev/null | grep -v '^{CHRONY_FILE}:'; true"
    return {
        "time source": DAEMONS[time.daemon][APT].question if intent.time_servers else "true",
        "other time servers": servers if _removes(intent) else "true",
        "zone": ZONE_QUESTION if time.zone else "true",
        "hardware clock": RTC_QUESTION if time.hardware_clock else "true",
    }


def plan_servers(intent: Intent, system: System, seen: Seen) -> Iterator[LinuxChange | None]:
    """The file with the servers; it may stand before its package does, so that the daemon begins with them."""
    if intent.time_servers:
        own = daemon(intent, system)
        stands = seen.files[own.path]
        text = _block(intent, stands.content if stands else None) if own.path == CHRONY_CONF else _text(intent)
        yield file(own.path, text, stands, restart_marker=marker_of(own.unit))


def plan(intent: Intent, system: System, seen: Seen, state: tuple[str, str]) -> Iterator[LinuxChange | None]:
    """The daemon runs and has read its files; the zone.

    Args:
        intent: what is wanted.
        system: what the node is.
        seen: the answers to questions(), and the daemon's file.
        state: of the daemon's unit.

    """
    own = daemon(intent, system)
    yield unit(own.unit, *state)
    others = list(_others(intent, system, seen, state))
    yield from others
    pending = own.unit in seen["restarts"].lines
    changed = any(plan_servers(intent, system, seen))
    if others or ((changed or pending) and own.path != CHRONY_FILE):
        yield restart(own.unit)
    elif changed or pending:
        script = clearing_marker(own.unit, "chronyc -n reload sources")
        yield action("chrony sources", "reloaded", script, deadline=SECONDS)
    yield from _zone(intent, seen)


def plan_waiting(intent: Intent, system: System, seen: Seen, state: tuple[str, str]) -> Iterator[LinuxChange | None]:
    """Last of all, when the daemon has had its time: the clock follows a server, and the board's clock follows it."""
    own, servers = daemon(intent, system), ", ".join(intent.time_servers)
    changed = (
        any(plan_servers(intent, system, seen)) or any(_others(intent, system, seen, state)) or state[0] != "active"
    )
    if servers and (changed or not follows(seen)):
        before = _silent(intent, seen)
        yield action("clock", f"follows one of {servers}", own.wait, before=before, deadline=2 * WAIT_SECONDS + SECONDS)
    board, wanted = seen["hardware clock"].text.strip().lower(), intent.time.hardware_clock
    if wanted and board and board != wanted:
        script = f"timedatectl set-local-rtc {'1' if wanted == 'local' else '0'}"
        yield action("hardware clock", wanted, script, before=board, deadline=SECONDS)


def _text(intent: Intent) -> str:
    lines = "".join(f"server {server} iburst\n" for server in intent.time_servers)
    return lines if intent.time.daemon == "chrony" else render("nodes/ntp.conf.j2", servers=intent.time_servers)


def _block(intent: Intent, stands: str | None) -> str:
    """chrony.conf with a block of ours, in which the servers are; a server of another line becomes a comment, or stays."""
    ours = [f"server {server} iburst" for server in intent.time_servers]
    if not _removes(intent) or stands is None:
        return block(CHRONY_CONF_BASE if stands is None else stands, ours, BLOCK)
    lines = [
        line if line.strip() in ours or not SERVER.match(line) else commented(line) for line in stands.splitlines()
    ]
    return block("".join(f"{line}\n" for line in lines), ours, BLOCK)


def _removes(intent: Intent) -> bool:
    return bool(intent.time_servers) and intent.time.daemon == "chrony" and intent.time.package_servers == "removed"


def _others(intent: Intent, system: System, seen: Seen, state: tuple[str, str]) -> Iterator[LinuxChange]:
    """Lines of other files that name servers become comments; of a package that is yet to come nobody knows them, and they do as well.

    A package of rpm keeps a chrony.conf that is there before it, and that one is ours.
    """
    if not _removes(intent):
        return
    found: dict[str, list[str]] = {}
    for line in seen["other time servers"].lines:
        path, _, text = line.partition(":")
        found.setdefault(path, []).append(text)
    marked = f"touch {marker_of(daemon(intent, system).unit)}; "
    for path, lines in found.items():
        before, after = "\n".join(lines), "\n".join(map(commented, lines))
        yield action(path, after, marked + _commented(shlex.quote(path)), before=before)
    if state[1] == units.NOT_INSTALLED and not found and system.family != RPM:
        yield action("chrony's own servers", "comments", marked + _commented(OTHER_FILES))


def _commented(files: str) -> str:
    return f"""for f in {files}; do
    [ ! -e "$f" ] || [ "$f" = {CHRONY_FILE} ] || sed -i --follow-symlinks -E 's/{SERVER_LINE}/{COMMENT}&/I' "$f" || exit 1
done"""


def follows(seen: Seen) -> bool:
    """Whether the clock is taken from a server: chrony's second column, ntpq's first sign."""
    return any(line.startswith(("^,*,", "*")) for line in seen["time source"].lines)


def _silent(intent: Intent, seen: Seen) -> str | None:
    """Who does not answer, in the daemon's own words."""
    if intent.time.daemon != "chrony":
        return None
    rows = [line.split(",") for line in seen["time source"].lines]
    silent = [row[2] for row in rows if len(row) > 5 and row[5] == "0"]  # noqa: PLR2004  reach
    return f"no answer from {', '.join(silent)}" if silent else None


def _zone(intent: Intent, seen: Seen) -> Iterator[LinuxChange]:
    """The link localtime(5), and Debian's copy of the name where there is one."""
    zone = intent.time.zone
    if not zone:
        return
    lines = seen["zone"].lines
    stands = {line.rpartition("zoneinfo/")[2] for line in lines}
    if lines and stands == {zone}:
        return
    path = f"{ZONES}/{zone}"
    script = f"""[ -e {path} ] || {{ echo "there is no {path}: install tzdata, or correct time.zone" >&2; exit 1; }}
ln -sfn {path} /etc/.kubepeer-localtime && mv -fT /etc/.kubepeer-localtime /etc/localtime
[ ! -e /etc/timezone ] || echo {zone} >/etc/timezone"""
    yield action("time zone", zone, script, before=", ".join(sorted(stands)) or None)
