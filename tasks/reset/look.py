"""The first looks of reset.py: who answers, whose machines these are, what would be lost; what is refused before anything is changed."""

from collections import Counter
from collections.abc import Sequence

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError, LoginRefusedError, RefusedError, UnreachableError
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import ASKED_API, api_if_there
from tasks.cluster.api import KubernetesApi
from tasks.control_plane.kubeadm import KUBEADM_SECONDS
from tasks.control_plane.membership import CA_CERTIFICATE
from tasks.linux import run_lock
from tasks.linux.connect import answers
from tasks.linux.holding import OTHER_RUN, look_for_others, refuse_beside_another
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import open_shell
from tasks.linux.state import WAIT_FOR_LOCK
from tasks.removal.leftovers import LEFT_ON_THE_DEAD
from tasks.reset import safety
from tasks.reset.safety import Belongs
from tasks.reset.selection import DEAD, dead_are_left_out, machines
from tasks.routers.tasks import ANSWERS
from tasks.routers.tasks import observe as observe_router

BELONGS = Memory[Belongs]("what each machine says of whose it is")
NOTHING = "Nothing was changed on any host"
# What lives in the cluster, for a person: the kinds whose loss cannot be made up for by another deploy.py
KINDS = {
    "nodes": "/api/v1/nodes",
    "deployments": "/apis/apps/v1/deployments",
    "stateful sets": "/apis/apps/v1/statefulsets",
    "daemon sets": "/apis/apps/v1/daemonsets",
    "pods": "/api/v1/pods",
    "persistent volumes": "/api/v1/persistentvolumes",
}


@hands_over(gives=(ANSWERS, BELONGS, DEAD, OTHER_RUN))
def observe(task: Task, run: Run) -> Result:
    """Connect, and ask whose the machine is; a node that does not answer is left out where the command line says so.

    Raises:
        UnreachableError: it does not answer, and is not said to be gone.

    """
    if any(router.name == task.host.name for router in run.intent.routers):
        return observe_router(task, run)
    try:
        return _observe_node(task, run)
    except UnreachableError as error:
        if isinstance(error, LoginRefusedError):
            raise
        if not dead_are_left_out(run):
            error.cure = "; ".join(filter(None, (error.cure, "if the machine is gone for good, --dead leaves it out")))
            raise
    if answers(task.host):
        raise RefusedError(
            f"it answers now, and --dead was for who does not. {NOTHING}", host=task.host.name, cure="run again"
        )
    run.keep(DEAD, dead_are_left_out(run), of=task.host.name)
    node = run.intent.node(task.host.name)
    run.warn(
        f"{node.name} does not answer and is not cleaned: {LEFT_ON_THE_DEAD[node.role]}. Before it is switched on again in this network,"
        " wipe its disk; or, once it answers, run this again"
    )
    return done(task, summary="does not answer, and is left out")


def _observe_node(task: Task, run: Run) -> Result:
    shell = open_shell(run.nornir, task.host.name)
    questions = {
        "lock": WAIT_FOR_LOCK.format(seconds=KUBEADM_SECONDS),
        "run lock": run_lock.question(wait=not run.options.dry_run),
        **safety.QUESTIONS,
    }
    asked = ask(shell, questions, (CA_CERTIFICATE,), deadline=KUBEADM_SECONDS + 30)
    seen = at_rest(asked, task.host.name)
    look_for_others(run, task.host.name, run_lock.other_run(seen["run lock"]))
    ca = seen.files[CA_CERTIFICATE]
    run.keep(BELONGS, safety.belongs(seen, ca.content if ca else ""), of=task.host.name)
    return done(task)


@hands_over(needs=(BELONGS, DEAD, OTHER_RUN), gives=ASKED_API)
def preflight(task: Task, run: Run) -> Result:
    """Refuse, for all hosts, where a machine is not this cluster's; else tell what goes with it.

    Raises:
        RefusedError: nothing was changed on any host.

    """
    refuse_beside_another(run)
    if not (there := list(machines(run))):
        raise RefusedError(f"no node answers. {NOTHING}", cure="is this the right network?")
    found = {name: own for name in there if (own := run.recall(BELONGS, of=name)) is not None}
    api = api_if_there(run)
    etcd = safety.etcd_of(run.intent, found)
    lines = [
        f"{name}: {reason}"
        for name, own in found.items()
        for reason in safety.reasons(run.intent, run.intent.node(name), own, etcd)
    ]
    if not lines:
        strangers = safety.other_cas(found, api.ca if api else "")
        lines = [
            f"{name}: its CA is not that of {run.intent.cluster.name}: it is a member of another cluster"
            for name in strangers
        ]
    if lines:
        raise RefusedError(f"{'; '.join(lines)}. {NOTHING}.")
    for name, own in found.items():
        if own.etcd.copies:
            run.warn(f"lost with {name}: {own.etcd.lost}")
    return done(task, summary=_told(api, run))


def _told(api: KubernetesApi | None, run: Run) -> str:
    if api is None:
        return "no API answers: what is lost cannot be counted"
    try:
        every = {name: api.items(path) for name, path in KINDS.items()}
    except KubepeerError:
        return "the API does not say what is lost"
    counted = Counter({name: len(found) for name, found in every.items()})
    known = {node.full_name for node in run.intent.nodes}
    if unknown := sorted({str(one["metadata"]["name"]) for one in every["nodes"]} - known):
        run.warn(
            f"nodes that the cluster has and the inventory has not: {', '.join(unknown)}. Their machines are not cleaned,"
            " and what runs there goes on"
        )
    told = ", ".join(f"{count} {name}" for name, count in counted.items())
    if not run.options.dry_run and counted["persistent volumes"]:
        run.warn(
            f"{counted['persistent volumes']} persistent volumes are no more known; what was on them is where their driver keeps it"
        )
    return f"lost: {told}"


def one_in_whose_name(run: Run) -> Sequence[str]:
    """The node in whose name all are judged: the first that has not failed."""
    failed = run.nornir.data.failed_hosts
    return [node.name for node in run.intent.nodes if node.name not in failed][:1]


def everybody(run: Run) -> Sequence[str]:
    """Every host: where one has failed nothing goes on, since a cluster goes as a whole."""
    return [*(node.name for node in run.intent.nodes), *(router.name for router in run.intent.routers)]
