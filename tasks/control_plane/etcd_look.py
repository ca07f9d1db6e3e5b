"""Look at etcd in the name of one control plane: its members, its leader, its size, its alarms."""

from nornir.core.task import Result, Task

from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.control_plane import etcd_state
from tasks.control_plane import membership as members
from tasks.control_plane.membership import MEMBER
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell


@hands_over(needs=(MEMBER,))
def verify_etcd(task: Task, run: Run) -> Result:
    """Etcd is well; somebody else's, and one that there is not yet, is not asked."""
    seen = run.recall(MEMBER, of=task.host.name)
    if seen is None or members.ETCD not in seen.leftovers or not run.intent.kubeadm.stacked_etcd:
        return done(task)
    shell = open_shell(run.nornir, task.host.name)
    state = etcd_state.read(ask(shell, etcd_state.QUESTIONS, deadline=etcd_state.SECONDS))
    found = tuple(etcd_state.findings(run.intent, task.host.name, state))
    running = sum(one.works for one in state.members)
    return done(
        task,
        findings=found,
        failed=not all(one.ok for one in found),
        summary=f"{running} of {len(state.members)} members answer",
    )
