"""An inventory of routers alone, from a live cluster that Kubepeer did not build. No router is contacted."""

import kubepeer.starting  # noqa: F401  first of all
from tasks.adopt.command import main

if __name__ == "__main__":
    raise SystemExit(main(__doc__))
