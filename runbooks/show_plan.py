"""A plan that deploy.py --plan-out has written, for whoever approves it: hosts, steps and diffs; with --report as a web page."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.plan_page import main

if __name__ == "__main__":
    raise SystemExit(main(__doc__))
