"""Which nodes a run replaces: `deploy.py --replace NAME` names them; their machines died and were installed anew under their names."""

from collections.abc import Mapping

from kubepeer.run import Run
from tasks.cluster.api import Manifest
from tasks.control_plane.membership import MEMBER

OPTION = "replaced"


def named(run: Run) -> list[str]:
    """The names that the command line gives, in the inventory's order."""
    asked = run.options.further.get(OPTION) or ()
    return [node.name for node in run.intent.nodes if node.name in asked or node.full_name in asked]


def is_bare(run: Run, name: str) -> bool:
    """Whether a node was looked at, and has no file of kubeadm's."""
    seen = run.recall(MEMBER, of=name)
    return seen is not None and not seen.leftovers


def left(run: Run, registered: Mapping[str, Manifest]) -> Mapping[str, Manifest]:
    """The nodes that the API knows when the machines join: a dry run has not taken out what is left of the old ones.

    Args:
        run: the running run.
        registered: full name -> metadata, as the API has them now.

    """
    if not run.options.dry_run:
        return registered
    gone = {run.intent.node(name).full_name for name in named(run) if is_bare(run, name)}
    return {name: metadata for name, metadata in registered.items() if name not in gone}
