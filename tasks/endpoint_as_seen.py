"""Verify the API's one address by what the run has seen of the control planes already: nothing is asked twice where all is well."""

from nornir.core.task import Result, Task

from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import API, ASKED_API
from tasks.endpoint import settled, told
from tasks.nodes.facts import FACTS


@hands_over(needs=(FACTS,), gives=ASKED_API)
def verify_endpoint_as_seen(task: Task, run: Run) -> Result:
    """Exactly one control plane holds the address, by what the run's first look has seen; asked again only where that is wrong."""
    return told(task, run, settled(run, task.host.name, _first_look(run)))


@hands_over(needs=(FACTS, API), gives=ASKED_API)
def verify_endpoint_when_built(task: Task, run: Run) -> Result:
    """The same at the end of a deployment, of control planes that the run has changed anew; nothing in a dry run."""
    if run.options.dry_run or not run.recall(API):
        return done(task)
    unchanged = {name: has for name, has in _first_look(run).items() if name not in run.changed}
    return told(task, run, settled(run, task.host.name, unchanged))


def _first_look(run: Run) -> dict[str, bool | None]:
    address = str(run.intent.cluster.endpoint.address)
    facts = {node.name: run.recall(FACTS, of=node.name) for node in run.intent.control_planes}
    return {name: address in found.addresses for name, found in facts.items() if found is not None}
