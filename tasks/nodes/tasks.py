"""Preflight and preparation of a node: observe, plan, apply."""

import time
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import RefusedError
from kubepeer.fetch import fetch
from kubepeer.run import Run, done
from tasks.linux.apply import apply
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import open_shell
from tasks.nodes import plan, preflight
from tasks.nodes.packages import INSTALL_SECONDS


def observe(task: Task, run: Run) -> Result:
    """What preflight needs to know; kept, since it compares the nodes with each other."""
    node = run.intent.node(task.host.name)
    shell = open_shell(run.nornir, node.name)
    began = time.time()
    seen = ask(shell, preflight.questions(run.intent, node))
    run.keep(("facts", node.name), preflight.facts(seen, asked_at=(began + time.time()) / 2))
    return done(task)


def refuse_early(task: Task, run: Run) -> Result:
    """Refuse to begin where it cannot end well: every reason at once, each with its cure."""
    every = {node.name: facts for node in run.intent.nodes if (facts := run.recall(("facts", node.name)))}
    found = preflight.reasons(run.intent, run.intent.node(task.host.name), every)
    if found:
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=task.host.name)
    return done(task, summary="all clear")


def prepare(task: Task, run: Run) -> Result:
    """Bring a Linux machine to where kubeadm can begin."""
    shell = open_shell(run.nornir, task.host.name)
    asked = ask(shell, plan.questions(run.intent), plan.paths(run.intent), deadline=INSTALL_SECONDS + 30)
    seen = at_rest(asked, task.host.name)
    changes = plan.plan(run.intent, run.intent.node(task.host.name), seen, _keyrings(run))
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


def _keyrings(run: Run) -> dict[str, str]:
    """The keys that the repositories' packages are signed with: path on the node -> text; fetched once a run."""
    return {
        path: run.once(("keyring", address), partial(fetch, address, run.settings.folder))
        for path, address in run.intent.packages.keyrings.items()
    }
