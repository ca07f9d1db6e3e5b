"""The steps of drain.py and undrain.py on the Node itself: remember and exclude, cordon; uncordon, wait, include."""

from collections.abc import Callable
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import obstacles, waits
from tasks.cluster.access import ASKED_API, open_api
from tasks.cluster.api import KubernetesApi
from tasks.cluster.node_tasks import write
from tasks.drain import alive, plan
from tasks.drain.look import NODES, pods_on, refuse_beside_others
from tasks.drain.selection import node_of
from tasks.linux.observe import ask
from tasks.linux.shell import SshShell, open_shell

READY_SECONDS = 300  # a machine that has just started: the kubelet, the pods of its network, and what they wait for
ASK_SECONDS = 10


@hands_over(gives=ASKED_API)
def exclude(task: Task, run: Run, refuse: Callable[[KubernetesApi, Run], None] | None = None, by: str = "") -> Result:
    """Remember what stands, judge once more, and exclude the node: Calico withdraws its services' prefixes from there.

    Args:
        task: the node.
        run: the running run.
        refuse: judges once more, when others can see that the node is being drained; None: as drain.py does.
        by: the runbook that brings the node back by itself; "" where somebody does.

    Raises:
        RefusedError: another node is being drained at the same moment; this one is as it was.

    """
    api, node = open_api(run), node_of(run)
    remembered = write(run, api, node.full_name, partial(plan.remember, by=by))
    if remembered and not run.options.dry_run:
        try:
            (refuse or refuse_beside_others)(api, run)
        except RefusedError:
            write(run, api, node.full_name, plan.forget)
            raise
    return done(task, _present(remembered, write(run, api, node.full_name, plan.exclude)))


@hands_over(gives=ASKED_API)
def cordon(task: Task, run: Run) -> Result:
    """No pod comes to the node any more."""
    return done(task, _present(write(run, open_api(run), node_of(run).full_name, plan.cordon)))


@hands_over(gives=ASKED_API)
def uncordon(task: Task, run: Run) -> Result:
    """Pods may come to the node again."""
    return done(task, _present(write(run, open_api(run), node_of(run).full_name, plan.uncordon)))


@hands_over(gives=ASKED_API)
def include(task: Task, run: Run) -> Result:
    """The label as it was before: Calico announces the services from there again."""
    return done(task, _present(write(run, open_api(run), node_of(run).full_name, plan.include)))


@hands_over(gives=ASKED_API)
def ready(task: Task, run: Run) -> Result:
    """Wait until the node would serve what the routers send it: the kubelet, calico-node and kube-proxy work, each as it says itself.

    Raises:
        CommandError: the deadline has passed; says what was waited for, and what stood in the way.

    """
    if run.options.dry_run:
        return done(task)
    api, node = open_api(run), node_of(run)
    shell = open_shell(run.nornir, node.name)
    why = partial(waits.trouble, api, alive.NAMESPACE, "kube-system", nodes=[node.full_name])
    try:
        waits.until(partial(_missing, run, api, shell), READY_SECONDS, why)
    except CommandError as error:
        cure = f"kubectl describe node {node.full_name}; run again: the routers send it nothing until then"
        raise CommandError(f"not ready: {error.message}", host=node.name, cure=cure) from error
    return done(task)


def _missing(run: Run, api: KubernetesApi, shell: SshShell) -> str:
    node = node_of(run)
    stands = api.get(f"{NODES}/{node.full_name}") or {"metadata": {"name": node.full_name}}
    said = f"node {node.full_name} is not Ready" if not obstacles.is_ready(stands) else ""
    said = said or alive.kubelet(str(api.get(f"{NODES}/{node.full_name}/proxy/healthz") or ""))
    if not said:
        pods = pods_on(api, node)
        said = alive.pods(pods)
        if not said and alive.has_kube_proxy(pods):
            said = _kube_proxy(shell)
    if said:
        waiting(f"for the node: {said}")
    return said


def _kube_proxy(shell: SshShell) -> str:
    try:
        return alive.kube_proxy(ask(shell, alive.QUESTIONS, deadline=ASK_SECONDS)["kube-proxy"])
    except KubepeerError as error:  # it may only be coming up
        return error.message


def _present(*changes: Change | None) -> tuple[Change, ...]:
    return tuple(change for change in changes if change is not None)
