"""What the cluster still has of a node whose machine died goes, before the new machine joins under its name."""

from nornir.core.task import Result, Task

from kubepeer.errors import RefusedError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import ASKED_API, open_api
from tasks.control_plane.membership import MEMBER
from tasks.control_plane.replaced import is_bare
from tasks.replacement.look import without_quorum
from tasks.replacement.selection import alone


@hands_over(needs=(MEMBER,), gives=ASKED_API)
def take_out(task: Task, run: Run) -> Result:
    """The Node, the pods that the API has there, and what Calico's IPAM has of it; its member of etcd goes when the new one joins.

    A machine that has begun to join is not bare any more: what it lacks is the join's.

    Raises:
        RefusedError: without its member etcd would have no quorum; others may have gone since preflight.

    """
    from tasks.drain.look import pods_on  # noqa: PLC0415  few runs need it
    from tasks.removal import calico, steps  # noqa: PLC0415
    from tasks.removal.look import warn_of_lost  # noqa: PLC0415

    if not is_bare(run, task.host.name):
        return done(task, summary="has begun to join")
    only, node, api = alone(run, task.host.name), run.intent.node(task.host.name), open_api(run)
    if refused := without_quorum(run, api, node):
        raise RefusedError(f"cannot be replaced: {refused}", host=node.name)
    warn_of_lost(only, node, pods_on(api, node))
    results = (steps.forget(task, only), calico.release(task, only))
    return done(task, [change for one in results for change in getattr(one, "changes", ())])
