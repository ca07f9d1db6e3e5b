"""One file of all that the cluster is made of: etcd, the control planes' keys and files, the routers' configurations. Changes nothing."""

import kubepeer.starting  # noqa: F401  first of all
from kubepeer.phases import Phase, Purpose, Together, control_planes, routers
from kubepeer.runbook import run
from tasks.backup.arguments import OPENING
from tasks.backup.table import show, tell
from tasks.backup.tasks import observe, one_member, read_router, take_snapshot, write
from tasks.platforms.platform import PLATFORMS

PHASES: list[Phase | Together] = [
    Together(Phase("Control planes", observe, on=control_planes), Phase("Routers", read_router, on=routers)),
    Phase("Snapshot of etcd", take_snapshot, on=one_member),
    Phase("Backup", write, on=one_member, needs=one_member),
]

if __name__ == "__main__":
    raise SystemExit(
        run(
            "backup",
            PHASES,
            platforms=PLATFORMS,
            description=__doc__,
            show=show,
            tell=tell,
            purpose=Purpose.VERIFY,
            opening=OPENING,
        )
    )
