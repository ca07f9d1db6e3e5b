"""Calico, the load balancer and the workload: refuse early; plan, apply, wait until they do their work."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.intent.between_nodes import way
from kubepeer.memory import Memory, hands_over
from kubepeer.phases import control_planes
from kubepeer.run import Run, done
from tasks.cluster import calico, conditions, foreign, manifests, preflight, workload
from tasks.cluster.access import ASKED_API, JOINED, api_if_there, api_that_answered, save_kubeconfig
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.apply import wait
from tasks.cluster.balancers import build as balancers
from tasks.cluster.differences import plan_object, undeclared_reason
from tasks.cluster.refusal import ApiRefusal
from tasks.cluster.schema import definition_of
from tasks.cluster.undeclared import written_by_us
from tasks.platforms.platform import PLATFORMS

READY_SECONDS = 120
API_IF_THERE = Memory[KubernetesApi | None]("the API as preflight found it")
REFUSED = Memory[list[str]]("why the cluster's objects are not touched, without an API and with one")


def refuse_early(run: Run) -> None:
    """Refuse what cannot end well in the cluster, before any host is changed.

    Raises:
        RefusedError: with every reason, each with its cure; the same for all hosts, so that it is told once.

    """
    if not list(control_planes(run)):
        return  # the cluster's objects are not touched
    found = _reasons(run, run.once(API_IF_THERE, partial(api_if_there, run)))
    if found:
        raise RefusedError(f"{'; '.join(found)}. Nothing was changed on any host.", host=run.intent.cluster.name)


@hands_over(gives=ASKED_API)
def build_network(task: Task, run: Run) -> Result:
    """Calico by its operator, its BGP: configuration and one peer a router; then every node is Ready."""
    api = api_that_answered(run)
    if found := _reasons(run, api):
        raise RefusedError(f"{'; '.join(found)}. The cluster's objects were not changed.", host=task.host.name)
    if api is not None and not run.options.dry_run:
        save_kubeconfig(run, api)
    changes = calico.build(run, api)
    expected = [node.full_name for node in run.intent.nodes if node.name not in run.nornir.data.failed_hosts]
    ready = partial(conditions.nodes_ready, expected=[] if run.filtered else expected)
    wait(run, api, ready, READY_SECONDS, calico.NAMESPACE)
    return done(task, changes, summary=f"pods across nodes: {way(run.intent, PLATFORMS).cure}")


@hands_over(gives=ASKED_API)
def build_load_balancer(task: Task, run: Run) -> Result:
    """Who gives services of type LoadBalancer their addresses, and what it gives them from."""
    return done(task, balancers.build(run, api_that_answered(run)))


@hands_over(needs=(JOINED,), gives=ASKED_API)
def run_workload(task: Task, run: Run) -> Result:
    """The nginx of the tutorial."""
    return done(task, workload.build(run, api_that_answered(run)))


def _reasons(run: Run, api: KubernetesApi | None) -> list[str]:
    """Why the cluster's objects are not to be touched; found once, and anew when an API has come."""
    return run.once(REFUSED, partial(_find_reasons, run, api), of=api is not None)


def _find_reasons(run: Run, api: KubernetesApi | None) -> list[str]:
    try:
        operator, definitions = calico.manifests_of(run)
        balancer = balancers.manifest_of(run)
        standing = None if api is None else _standing(api)
        every = [*definitions, *operator, *balancer]
        foreign = [] if api is None else _foreign_definitions(api, standing or {}, every)
        # of a version that comes first its own definitions and number decide
        undeclared = [] if api is None or calico.upgrading(run) else _undeclared(run, api, every)
    except ApiRefusal as refused:
        # kubeadm init was cut off before its administrator had any rights: nothing of a cluster is there yet
        return [str(refused)] if api is None or not refused.forbidden else _find_reasons(run, None)
    except KubepeerError as error:
        return [str(error)]
    found = preflight.Found(operator, definitions, balancer, standing, foreign, undeclared)
    return preflight.reasons(run.intent, found, upgrading=calico.upgrading(run))


def _undeclared(run: Run, api: KubernetesApi, every: list[Manifest]) -> list[str]:
    """Fields that the API that runs does not have, of the kinds whose definitions no manifest brings."""
    found, silent = [], set[str]()
    for manifest in written_by_us(run.intent):
        version = str(manifest["apiVersion"])
        if version in silent or definition_of(manifest, every) is not None:
            continue
        if api.serves(version, manifest["kind"]):
            silent.add(version)  # asked once: who answers 503 lets everybody wait
        elif reason := undeclared_reason(api, manifest):
            found.append(reason)
    return found


def _standing(api: KubernetesApi) -> dict[str, Manifest]:
    with ThreadPoolExecutor(len(preflight.ASKED)) as pool:
        found = zip(preflight.ASKED, pool.map(api.get, preflight.ASKED), strict=True)
        return {path: one for path, one in found if one is not None}


def _foreign_definitions(api: KubernetesApi, standing: dict[str, Manifest], every: list[Manifest]) -> list[str]:
    """The definitions that stand in another form, and that we have not made; not asked for where the operator is ours."""
    operator = standing.get(foreign.OPERATOR)
    if operator is not None and foreign.is_ours(operator):
        return []
    found = []
    for manifest in every:
        if manifest["kind"] != manifests.CRD:
            continue
        stands = api.get(f"{preflight.CRDS}/{manifest['metadata']['name']}")
        if stands is not None and not foreign.is_ours(stands) and plan_object(api, manifest) is not None:
            found.append(str(manifest["metadata"]["name"]))
    return found
