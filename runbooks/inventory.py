"""The inventory explained: what each host and the cluster come to, with file and line; JSON schemas for editors. Contacts no host."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.explained.command import main
from tasks.platforms.platform import PLATFORMS

if __name__ == "__main__":
    raise SystemExit(main(__doc__, PLATFORMS))
