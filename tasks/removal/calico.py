"""Give back what Calico's IPAM has of the node: read, plan, write; read again where somebody else has written in between."""

from collections.abc import Iterator

from nornir.core.task import Result, Task

from kubepeer.change import Change, about_to_change, made
from kubepeer.errors import CommandError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import ASKED_API, open_api
from tasks.cluster.api import ATTEMPTS, KubernetesApi
from tasks.cluster.differences import CONFLICT
from tasks.cluster.refusal import ApiRefusal
from tasks.drain.selection import node_of
from tasks.removal import blocks
from tasks.removal.blocks import Write
from tasks.routes.cluster import calico_groups, calico_path, items


@hands_over(gives=ASKED_API)
def release(task: Task, run: Run) -> Result:
    """Its addresses, its blocks, its affinities.

    Raises:
        CommandError: some are still there after several attempts: somebody gives them to it again and again.

    """
    api, node = open_api(run), node_of(run)
    changes: list[Change] = []
    for _ in range(ATTEMPTS):
        planned = list(_planned(api, node.full_name))
        if run.options.dry_run:
            return done(task, [write.change for _, write in planned])
        if not planned:
            return done(task, changes)
        for group, write in planned:
            about_to_change((write.change,))
            if not _write(api, group, write):
                break  # it was read before somebody else wrote: all is planned anew
            made(write.change)
            changes.append(write.change)
    left = ", ".join(write.change.what for _, write in _planned(api, node.full_name))
    if left:
        raise CommandError(f"Calico still has {left} of {node.full_name}", host=node.name, cure="run again")
    return done(task, changes)


def _planned(api: KubernetesApi, full_name: str) -> Iterator[tuple[str, Write]]:
    """The writes, each with the group that keeps the objects; of the other group nobody looks at them."""
    group = calico_groups(api)[0]
    read = (items(api, calico_path(group, plural)) for plural in (blocks.AFFINITIES, blocks.BLOCKS, blocks.HANDLES))
    for write in blocks.release(full_name, *read):
        yield group, write


def _write(api: KubernetesApi, group: str, write: Write) -> bool:
    """Whether it is so now; False: the object has changed since it was read."""
    path = calico_path(group, f"{write.plural}/{write.name}")
    try:
        if write.after is None:
            api.delete(path, {"preconditions": dict(write.condition)})
        else:
            api.call("PUT", path, body=dict(write.after))
    except ApiRefusal as refusal:
        if refusal.status != CONFLICT:
            raise
        return False
    return True
