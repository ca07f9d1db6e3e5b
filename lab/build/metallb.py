"""MetalLB, which no machine begins with: its images in the mirror's registry, and its own manifest beside the mirror's others.

The programs are the real ones, and the manifest is that of their module (config/manifests/metallb-native.yaml), with one change: AS numbers
are int64, as in 0.16.0 (MetalLB #3035). Kubernetes from 1.36 on takes no BGPPeer by the int32 of 0.15.2.
"""

import re
from pathlib import Path

from lab.build.base import discard
from lab.build.images import Image
from lab.build.programs import METALLB
from lab.errors import LabError
from lab.places import Cache

MANIFEST = "metallb-native.yaml"
AS_NUMBER = re.compile(r"format: int32(\n\s+maximum: 4294967295\n)")
MODULE = f"go.universe.tf/metallb@v{METALLB.version}"


def metallb_images(cache: Cache) -> list[Image]:
    """The images by the names that the manifest asks for; as in the project's own, the program is all that is in them."""
    return [
        Image(
            f"metallb/{name}",
            f"v{METALLB.version}",
            {f"/{name}": cache.programs(METALLB.name) / name},
            entrypoint=(f"/{name}",),
        )
        for name in METALLB.programs
    ]


def source(cache: Cache) -> Path:
    """The module's folder, where it was downloaded."""
    return cache.go / "modules" / MODULE


def served(cache: Cache) -> Path:
    """The folder that the mirror serves the manifest from."""
    return cache.mirror / f"metallb-{METALLB.version}"


def build_manifest(cache: Cache, log: Path) -> None:
    """Take the manifest from the module, with AS numbers that this Kubernetes takes."""
    given = source(cache) / "config" / "manifests" / MANIFEST
    if not given.is_file():
        raise LabError(f"{given} is not there: the module has another layout")
    folder = served(cache)
    partial = folder.with_suffix(".partial")
    discard(partial)
    partial.mkdir(parents=True)
    text, count = AS_NUMBER.subn(r"format: int64\1", given.read_text(encoding="utf-8"))
    if not count:
        raise LabError(f"{given} has no AS number of int32: there is nothing to mend any more")
    (partial / MANIFEST).write_text(text, encoding="utf-8")
    discard(folder)
    partial.rename(folder)
    log.write_text(f"{given}\n")
