"""Calico and the load balancer to the inventory's versions, in the order of their documents: definitions, controller, what it is told.

Source: Calico, "Upgrade Calico on Kubernetes" (an installation that uses the operator: definitions and operator by server-side apply; from
3.15 or later to any up to 3.32). The operator replaces calico-node on one node after the other; graceful restart (RFC 4724) lets the
routers keep a node's routes meanwhile, and so no node is drained for it.
"""

from nornir.core.task import Result, Task

from kubepeer.errors import RefusedError
from kubepeer.memory import hands_over
from kubepeer.run import Run
from tasks.cluster import calico, tasks
from tasks.cluster.access import ASKED_API, open_api
from tasks.upgrade.selection import whole, with_calico, with_load_balancer


def refusal(run: Run) -> RefusedError | None:
    """Why the cluster's objects cannot be brought to the inventory's versions; None where nobody asks for it, or nothing is in the way."""
    if not (list(with_calico(run)) or list(with_load_balancer(run))):
        return None
    try:
        tasks.refuse_early(whole(run))
    except RefusedError as refused:
        return refused
    return None


@hands_over(gives=ASKED_API)
def upgrade_calico(task: Task, run: Run) -> Result:
    """What deploy.py writes of Calico, of the new version; until every node runs it.

    Raises:
        CommandError: it does not come up; says what stands in its way.
        RefusedError: something has come into the way since it was looked for.

    """
    result = tasks.build_network(task, whole(run))
    if not run.options.dry_run:
        calico.wait_for_version(run, open_api(run))
    return result


@hands_over(gives=ASKED_API)
def upgrade_load_balancer(task: Task, run: Run) -> Result:
    """What deploy.py writes of it; until its controller runs."""
    return tasks.build_load_balancer(task, whole(run))
