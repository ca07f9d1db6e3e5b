"""A worker, on which the phases of many nodes run, for the runs of a controller elsewhere (docs/scale.md)."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.workers.serve import work
from tasks.platforms.platform import PLATFORMS

if __name__ == "__main__":
    raise SystemExit(work(PLATFORMS, __doc__))
