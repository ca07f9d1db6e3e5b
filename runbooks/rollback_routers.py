"""The backups of routers that a change leaves on the controller: list, show, and apply one as safely as any other change."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Together, one_of_each_redundancy_group
from kubepeer.runbook import run
from tasks.adopt.known import know_members
from tasks.observe import observe, preflight
from tasks.platforms.platform import PLATFORMS
from tasks.routers.backups import routers_with_backup
from tasks.routers.show_backups import show, tell
from tasks.routers.tasks import restore

COMMANDS: dict[str, list[Phase | Together]] = {
    "list": [],
    "show": [],
    "apply": [
        Phase("Observe", observe, on=routers_with_backup),
        Phase("Preflight", preflight, on=routers_with_backup),
        Phase("Put back", restore, on=routers_with_backup, turns=one_of_each_redundancy_group),
    ],
}

if __name__ == "__main__":
    raise SystemExit(
        run(
            "rollback_routers",
            COMMANDS,
            platforms=PLATFORMS,
            description=__doc__,
            show=show,
            tell=tell,
            members=know_members,
        )
    )
