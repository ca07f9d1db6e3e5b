"""Kernel settings that belong to the whole host although machines write them.

Network settings have a copy in every network namespace; most others have not: the kubelet's vm.overcommit_memory and
kernel.panic, systemd's kernel.pid_max and fs.* reach the host. They are noted when the first instance goes up and put
back when the last one is down.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.places import RUNTIME

SHARED = ("abi", "crypto", "debug", "dev", "fs", "kernel", "user", "vm", "net/core", "net/netfilter")
# Counters and values that the kernel itself moves, and files that start something when they are written.
NOT_SETTINGS = re.compile(
    r"kernel/(ns_last_pid|random/.*|perf_event_max_sample_rate|hostname|domainname)"
    r"|vm/(compact_memory|drop_caches|stat_refresh)|fs/binfmt_misc/.*"
    r"|net/netfilter/nf_conntrack_count|net/core/(flow_limit_table_len|.*_key)"
)
# Ten machines with systemd and Kubernetes pass the usual 128 instances; past it units fail with "Too many open files"
# and watches stop without a word.
NEEDED = {"fs/inotify/max_user_instances": 8192, "fs/inotify/max_user_watches": 524288}
OWNER_MAY_WRITE = 0o200


@dataclass(frozen=True)
class HostSettings:
    """The host's settings below `root`, and the note of what they were; `boot` names the host's current boot."""

    root: Path = Path("/proc/sys")
    record: Path = RUNTIME / "sysctls.json"
    boot: Path = Path("/proc/sys/kernel/random/boot_id")

    def read(self) -> dict[str, str]:
        """All settings that machines share with the host, by their path."""
        values: dict[str, str] = {}
        for start in SHARED:
            for file in sorted((self.root / start).rglob("*")):
                name = str(file.relative_to(self.root))
                if NOT_SETTINGS.fullmatch(name) or not file.is_file() or not file.stat().st_mode & OWNER_MAY_WRITE:
                    continue
                with suppress(OSError, UnicodeDecodeError):
                    values[name] = file.read_text().strip()
        return values

    def note_and_raise(self) -> None:
        """Note the settings, unless an instance that is up has done so, and raise what the lab needs."""
        if self._noted() is None:
            self.record.parent.mkdir(parents=True, exist_ok=True)
            self.record.write_text(json.dumps({"boot": self.boot.read_text(), "values": self.read()}))
        for name, least in NEEDED.items():
            file = self.root / name
            if int(file.read_text()) < least:
                file.write_text(f"{least}\n")

    def put_back(self) -> list[str]:
        """Put back what changed since the note was made; the answer is what could not be."""
        noted = self._noted() or {}
        for name in self._changed(noted):
            # user.max_inotify_* are fs.inotify.max_user_* by another name, and without CAP_SYS_RESOURCE cannot be written by it.
            with suppress(OSError):
                (self.root / name).write_text(f"{noted[name]}\n")
        stuck = self._changed(noted)
        self.record.unlink(missing_ok=True)
        return stuck

    def _changed(self, noted: Mapping[str, str]) -> list[str]:
        """The settings that are not what the note says."""
        now = self.read()
        return [name for name, value in noted.items() if now.get(name, value) != value]

    def _noted(self) -> dict[str, str] | None:
        """The noted values, if they are of this boot of the host."""
        try:
            record = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        if record.get("boot") != self.boot.read_text():
            return None
        values: dict[str, str] = record["values"]
        return values
