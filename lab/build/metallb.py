"""MetalLB, which no machine begins with: its images in the mirror's registry, and its own manifest beside the mirror's others.

The programs are the real ones, and the manifest is that of their module, byte for byte (config/manifests/metallb-native.yaml).
"""

import shutil
from pathlib import Path

from lab.build.base import discard
from lab.build.images import Image
from lab.build.programs import METALLB
from lab.errors import LabError
from lab.places import Cache

MANIFEST = "metallb-native.yaml"
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
    """Copy the manifest from the module."""
    given = source(cache) / "config" / "manifests" / MANIFEST
    if not given.is_file():
        raise LabError(f"{given} is not there: the module has another layout")
    folder = served(cache)
    partial = folder.with_suffix(".partial")
    discard(partial)
    partial.mkdir(parents=True)
    shutil.copyfile(given, partial / MANIFEST)
    discard(folder)
    partial.rename(folder)
    log.write_text(f"{given}\n")
