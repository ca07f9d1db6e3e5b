"""Verify that nodes have a way to each other's pods, where that is not Felix's own business on one link."""

import time
from collections.abc import Iterable

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError
from kubepeer.intent.between_nodes import Way, way
from kubepeer.intent.racks import racks
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, host_error, waiting
from tasks.cluster.access import API, ASKED_API
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.platforms.platform import PLATFORMS
from tasks.routes import node_routes
from tasks.routes.announcing import INTERVAL_SECONDS, what_is_announced
from tasks.routes.from_inventory import by_inventory
from tasks.routes.selection import addresses_of
from tasks.routes.tasks import SETTLE_SECONDS


def way_of(run: Run) -> Way:
    """How this cluster's nodes reach each other's pods."""
    return way(run.intent, PLATFORMS)


def nodes_to_ask(run: Run) -> Iterable[str]:
    """The chosen nodes, where their ways to each other are worth a look: with racks, or where routers are to tell them."""
    if not racks(run.intent) and way_of(run).cure == "vxlan":
        return []
    if by_inventory(run):
        run.warn(
            "--intent inventory: the nodes' own ways to each other's pods are not compared (whose a block is the API knows)"
        )
        return []
    return [node.name for node in run.intent.nodes if node.name in run.chosen]


@hands_over(gives=ASKED_API)
def verify_pod_routes(task: Task, run: Run, wait_seconds: float | None = None) -> Result:
    """A node's table leads to the pod blocks of all others; asked again until it does or time is up.

    Args:
        task: the node.
        run: the running run.
        wait_seconds: how long to ask again; None is what the command line says.

    """
    node, how = run.intent.node(task.host.name), way_of(run)
    pods = [pool.cidr for pool in run.intent.cluster.networks.pools]
    ends = time.monotonic() + (run.options.wait_seconds if wait_seconds is None else wait_seconds)
    while True:
        last = time.monotonic() >= ends
        try:
            announced = what_is_announced(run)
            own = addresses_of(node, announced) or node.addresses
            blocks = node_routes.blocks_of_others(announced, own, pods)
            asked = node_routes.questions(run.intent.cluster.networks.versions)
            answers = ask(open_shell(run.nornir, node.name), asked).answers
            found = node_routes.finding(node.name, answers, blocks, pods, how)
        except KubepeerError as error:
            if last:
                raise host_error(task, error) from error
            waiting(error.message)
        else:
            if found.ok or last:
                count, words = (len(blocks), "reached") if found.ok else (len(found.missing), "not reached")
                summary = f"{count} block{'' if count == 1 else 's'} {words}"
                return done(task, summary=summary, findings=(found,), failed=not found.ok)
            waiting(f"{len(found.missing)} block{'' if len(found.missing) == 1 else 's'} not reached")
        time.sleep(max(0.0, min(INTERVAL_SECONDS, ends - time.monotonic())))  # a route that arrives tells nobody


@hands_over(needs=(API,), gives=ASKED_API)
def verify_pod_routes_when_settled(task: Task, run: Run) -> Result:
    """The same at the end of a deployment; nothing in a dry run."""
    if run.options.dry_run or not run.recall(API):
        return done(task)
    return verify_pod_routes(task, run, SETTLE_SECONDS)
