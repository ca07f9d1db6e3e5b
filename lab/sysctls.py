"""Kernel settings that belong to the whole host although machines write them.

Network settings have a copy in every network namespace; most others have not: the kubelet's vm.overcommit_memory and
kernel.panic, systemd's kernel.pid_max and fs.* reach the host. They are noted when the first instance goes up and put
back when the last one is down.
"""

import json
import re
from contextlib import suppress
from pathlib import Path

from lab.places import RUNTIME

ROOT = Path("/proc/sys")
RECORD = RUNTIME / "sysctls.json"
BOOT = Path("/proc/sys/kernel/random/boot_id")
SHARED = ("abi", "crypto", "debug", "dev", "fs", "kernel", "user", "vm", "net/core", "net/netfilter")
# Counters and values that the kernel itself moves, and files that start something when they are written.
NOT_SETTINGS = re.compile(
    r"kernel/(ns_last_pid|random/.*|perf_event_max_sample_rate|hostname|domainname)"
    r"|vm/(compact_memory|drop_caches|stat_refresh|hugetlb_shm_group)|fs/binfmt_misc/.*"
    r"|net/netfilter/nf_conntrack_count|net/core/(flow_limit_table_len|.*_key)"
)
# Ten machines with systemd and Kubernetes pass the usual 128; past it units fail with "Too many open files" and
# watches stop without a word.
NEEDED = {"fs/inotify/max_user_instances": 8192, "fs/inotify/max_user_watches": 524288}


def read_shared() -> dict[str, str]:
    """All settings that machines share with the host, by their path below /proc/sys."""
    values: dict[str, str] = {}
    for start in SHARED:
        top = ROOT / start
        for file in [top] if top.is_file() else sorted(top.rglob("*")):
            name = str(file.relative_to(ROOT))
            if NOT_SETTINGS.fullmatch(name) or not file.is_file() or not file.stat().st_mode & 0o200:
                continue
            with suppress(OSError, UnicodeDecodeError):
                values[name] = file.read_text().strip()
    return values


def note_and_raise() -> None:
    """Note the host's settings, unless an instance that is up has done so, and raise what the lab needs."""
    if _noted() is None:
        RUNTIME.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps({"boot": BOOT.read_text(), "values": read_shared()}))
    for name, least in NEEDED.items():
        file = ROOT / name
        if int(file.read_text()) < least:
            file.write_text(str(least))


def put_back() -> list[str]:
    """Put back what changed since the note was made; the answer is what could not be."""
    noted = _noted()
    stuck: list[str] = []
    if noted is not None:
        now = read_shared()
        for name, value in noted.items():
            if name in now and now[name] != value:
                try:
                    (ROOT / name).write_text(value)
                except OSError:
                    stuck.append(name)
    RECORD.unlink(missing_ok=True)
    return stuck


def _noted() -> dict[str, str] | None:
    """The noted values, if they are of this boot of the host."""
    try:
        record = json.loads(RECORD.read_text())
    except (OSError, ValueError):
        return None
    if record.get("boot") != BOOT.read_text():
        return None
    values: dict[str, str] = record["values"]
    return values
