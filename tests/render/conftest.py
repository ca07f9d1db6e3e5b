"""Roots and programs for the checks; what is not built is left out with a reason, and built where CI=true."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import places, requirements
from lab.build.images import base_note
from lab.debian import RELEASE
from lab.errors import LabError
from lab.places import Cache
from tests.conftest import CHECKOUT, unavailable
from tests.render import programs

BUILD_SECONDS = 3600


@pytest.fixture(scope="session")
def cache() -> Cache:
    """The lab's cache. Where nothing may be left out, what is missing in it is built (the lab's own tests come first and build it)."""
    cache = places.cache()
    parts = (
        programs.kubeadm(cache),
        programs.router_layers(cache),
        programs.bird_layers(cache),
        programs.rpm_layers(cache),
        base_note(cache).exists(),
    )
    whole = all(parts) and any(cache.repository(RELEASE).glob("containerd_*.deb"))
    if os.environ.get("CI") == "true" and os.geteuid() == 0 and not whole:
        try:
            requirements.check()
        except LabError as error:
            unavailable(str(error))
        subprocess.run([sys.executable, "-m", "lab", "build"], cwd=CHECKOUT, check=True, timeout=BUILD_SECONDS)
    return cache


@pytest.fixture(scope="session")
def image_root(cache: Cache) -> Iterator[Path]:
    """The root of the lab's images, unpacked for this session: haproxy and keepalived as the pods have them."""
    with tempfile.TemporaryDirectory(prefix="kubepeer-image-") as folder:
        if reason := programs.image_root(cache, Path(folder)):
            unavailable(reason)
        yield Path(folder)


@pytest.fixture(scope="session")
def containerd(cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("containerd")
    found = programs.containerd(cache, folder)
    if found is None:
        unavailable("containerd is neither in the PATH nor in the lab's repository: python -m lab build")
    yield found
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def kubeadm(cache: Cache) -> Path:
    found = programs.kubeadm(cache)
    if found is None:
        unavailable("the lab's kubeadm is not built: python -m lab build")
    return found
