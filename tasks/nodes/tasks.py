"""Prepare a node: observe, plan, apply."""

from nornir.core.task import Result, Task

from kubepeer.run import Run, done
from tasks.linux.apply import apply
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.nodes import plan


def prepare(task: Task, run: Run) -> Result:
    """Bring a Linux machine to where kubeadm can begin."""
    shell = open_shell(run.nornir, task.host.name)
    seen = ask(shell, plan.questions(run.intent), plan.paths(run.intent))
    changes = plan.plan(run.intent, run.intent.node(task.host.name), seen)
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)
