"""What a lab on this host will not have, said before it is brought up: disk, memory, parts of the kernel."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from lab import kernel_modules
from lab.places import Cache

GIB = 1 << 30
# Measured: what an empty cache grows to, and what a cluster on all machines adds to it.
BUILD_GIB, RUN_GIB = 16, 8
MEMORY_GIB = 5  # all machines with the cluster: 3.2; the rest for whoever drives it
# What a part of the kernel is for; without it that much of the product cannot be tried here.
PARTS = {
    "ip_vs": "kube-proxy's ipvs mode",
    "ipip": "IPIP tunnels",
    "dummy": "kube-ipvs0 and kube-lb0",
    "vrf": "routers with VRFs",
    "sch_netem": "delay and loss on links",
}


def shortcomings(cache: Cache, *, build: bool) -> Iterator[str]:
    """One line for each thing that will be missing.

    Args:
        cache: where everything lies.
        build: whether the cache is still to be filled.

    """
    needed = RUN_GIB + (BUILD_GIB if build else 0)
    free = shutil.disk_usage(_existing(cache.path)).free / GIB
    if free < needed:
        yield f"disk: {free:.0f} GiB are free below {cache.path}, {needed} are needed (KUBEPEER_CACHE names another place)"
    memory = _available_memory() / GIB
    if memory < MEMORY_GIB:
        yield f"memory: {memory:.1f} GiB are available, a whole cluster takes {MEMORY_GIB}"
    absent = [f"{name} ({purpose})" for name, purpose in PARTS.items() if not kernel_modules.has(name)]
    if absent:
        yield f"this kernel has no {', '.join(absent)}"


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _available_memory() -> int:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:")
