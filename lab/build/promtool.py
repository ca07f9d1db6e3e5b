"""promtool, which judges metrics, alert rules and their tests: taken out of Debian's package of Prometheus; nothing is installed."""

from pathlib import Path

from lab.build.base import discard
from lab.debian import Apt
from lab.places import Cache
from lab.processes import run

NAME = "promtool"
PACKAGE = "prometheus"


def program(cache: Cache) -> Path:
    """Where it is; built by `python -m lab package promtool`."""
    return cache.programs(NAME) / NAME


def build_promtool(cache: Cache, apt: Apt, log: Path) -> None:
    """Download the one package, whose sum apt checks, and take the one program out of it."""
    package = apt.download(PACKAGE)
    target = cache.programs(NAME)
    partial = target.with_suffix(".partial")
    discard(partial)
    partial.mkdir(parents=True)
    take_out = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$2" --strip-components 3 "./usr/bin/$3"'
    run(["bash", "-o", "pipefail", "-c", take_out, "bash", package, partial, NAME], log=log)
    discard(target)
    partial.rename(target)
