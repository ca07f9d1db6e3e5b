"""The steps of drain.py and undrain.py for a batch of nodes: each node's own, and of a router those of all of them, one after the other."""

import time
from collections.abc import Callable

from nornir.core.task import Result, Task

from kubepeer.errors import RefusedError
from kubepeer.memory import Memory, hands_over
from kubepeer.phases import nodes
from kubepeer.run import Run, done, waiting
from tasks.cluster.access import API, ASKED_API
from tasks.drain import eviction, hops, look, routers, steps
from tasks.drain.look import LEAVING, NOTHING
from tasks.drain.routers import GIVES
from tasks.linux.holding import OTHER_RUN
from tasks.routes import tasks as routes
from tasks.routes.left import SEEN, UNSEEN
from tasks.upgrade import together
from tasks.upgrade.selection import BY, whole

PODS_SECONDS = 120  # until pods that waited for a node have been placed there, and have begun
ASK_SECONDS = 2
OWN_RUN = Memory[Run]("the run of one node of a batch")
Step = Callable[[Task, Run], Result]


def own_run(run: Run, name: str) -> Run:
    """The run as if the node had been chosen alone: what drain.py's steps remember of it stays its own."""
    return run.once(OWN_RUN, lambda: run.apart(frozenset((name,))), of=name)


def _left(run: Run) -> list[str]:
    """The nodes of the batch that have not failed."""
    return [name for name in nodes(run) if name not in run.nornir.data.failed_hosts]


def _of_each(task: Task, run: Run, step: Step) -> Result:
    """A router's step for every node of the batch that it serves, one after the other: its connection is one."""
    served = [name for name in _left(run) if task.host.name in run.intent.node(name).routers]
    results = [step(task, own_run(run, name)) for name in served]
    findings = [finding for result in results for finding in vars(result).get("findings", ())]
    summaries = dict.fromkeys(str(result.result) for result in results if result.result)
    return done(task, findings=findings, summary="; ".join(summaries))


@hands_over(needs=(OTHER_RUN,), gives=(LEAVING, *ASKED_API))
def preflight_drain(task: Task, run: Run) -> Result:
    """As drain.py: refused where taking the node out would take something with it; pods of the batch before may be on their way back."""
    ends = time.monotonic() + (0 if run.options.dry_run else PODS_SECONDS)
    while True:
        try:
            return look.preflight_drain(task, own_run(run, task.host.name), stays=True)
        except RefusedError as refused:
            if time.monotonic() > ends:
                raise
            waiting(refused.message)
        time.sleep(ASK_SECONDS)  # the API is asked again, as in tasks.cluster.waits


@hands_over(needs=(LEAVING,), gives=GIVES)
def may_go(task: Task, run: Run) -> Result:
    """Refuse where the router would have no next hop left of a prefix without the whole batch.

    Raises:
        RefusedError: with each prefix; nothing was changed.

    """
    leaving = [own_run(run, name).recall(LEAVING) or () for name in _left(run)]
    findings = hops.may_go(task.host.name, routes.look(task, run), together.leaving(leaving))
    if not all(finding.ok for finding in findings):
        raise RefusedError(
            f"{', '.join(nodes(run))} cannot be drained: {hops.told(findings)}. {NOTHING}",
            host=task.host.name,
            cure="python runbooks/verify_routes.py says what is wrong with the others; or a smaller --batch",
        )
    return done(task, summary=hops.counted(findings))


@hands_over(gives=ASKED_API)
def exclude(task: Task, run: Run) -> Result:
    """As drain.py; what is remembered says that this runbook brings the node back."""
    return steps.exclude(task, own_run(run, task.host.name), by=BY)


@hands_over(needs=(LEAVING,), gives=GIVES)
def gone(task: Task, run: Run) -> Result:
    """As drain.py: the router sends nothing to the batch any more but what is for its own pods."""
    return _of_each(task, run, routers.gone)


@hands_over(gives=ASKED_API)
def cordon(task: Task, run: Run) -> Result:
    """As drain.py."""
    return steps.cordon(task, own_run(run, task.host.name))


@hands_over(gives=ASKED_API)
def evict(task: Task, run: Run) -> Result:
    """As drain.py."""
    return eviction.evict(task, own_run(run, task.host.name))


@hands_over(gives=ASKED_API)
def uncordon(task: Task, run: Run) -> Result:
    """As undrain.py."""
    return steps.uncordon(task, own_run(run, task.host.name))


@hands_over(gives=ASKED_API)
def ready(task: Task, run: Run) -> Result:
    """As undrain.py: the node would serve what the routers send it."""
    return steps.ready(task, own_run(run, task.host.name))


@hands_over(needs=(LEAVING,), gives=GIVES)
def sessions(task: Task, run: Run) -> Result:
    """As undrain.py: the router's sessions with the batch are up."""
    return _of_each(task, run, routers.sessions)


@hands_over(gives=(LEAVING, *ASKED_API))
def include(task: Task, run: Run) -> Result:
    """As undrain.py: what the node announces from now on is not what it left: pods of a service of policy Local may stay elsewhere."""
    of_node = own_run(run, task.host.name)
    result = steps.include(task, of_node)
    if not run.options.dry_run:
        look.remember_leaving(of_node)
    return result


@hands_over(needs=(LEAVING,), gives=GIVES)
def back(task: Task, run: Run) -> Result:
    """As undrain.py: the router sends to the batch again."""
    return _of_each(task, run, routers.back)


@hands_over(gives=(SEEN, UNSEEN, *ASKED_API))
def verify_first(task: Task, run: Run) -> Result:
    """All sessions and next hops of a router, before anything is touched: in a dry run, too."""
    wait = 0.0 if run.options.dry_run else routes.SETTLE_SECONDS
    return routes.verify(task, whole(run), wait, recovery=not run.options.dry_run)


@hands_over(needs=(API,), gives=(SEEN, UNSEEN, *ASKED_API))
def verify(task: Task, run: Run) -> Result:
    """All sessions and next hops of a router, after a step."""
    return routes.verify_when_settled(task, whole(run))
