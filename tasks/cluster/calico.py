"""Calico by its operator, and its BGP: written as soon as their API answers, since nothing may be ready without it."""

from functools import partial

from kubepeer import safe_yaml
from kubepeer.change import Change
from kubepeer.errors import CommandError
from kubepeer.run import Run, waiting
from tasks.cluster import bgp_objects, conditions, objects, obstacles, preflight, silence, waits
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.apply import ROLLOUT_SECONDS, apply, delete_ours, fetched, wait
from tasks.cluster.differences import undeclared_reason
from tasks.cluster.refusal import ApiRefusal

V3, STORED = "projectcalico.org/v3", "crd.projectcalico.org/v1"
PEERS_PATH = f"/apis/{V3}/bgppeers"
FILTERS_PATH = f"/apis/{V3}/bgpfilters"
NAMESPACE, OPERATOR = "calico-system", "tigera-operator"
NAMESPACES = (NAMESPACE, "calico-apiserver", OPERATOR)  # the API server's own one went with Calico 3.32
NAMESPACE_PATH = f"/api/v1/namespaces/{NAMESPACE}"
DAEMON_SET = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/calico-node"
INSTALLATION = "/apis/operator.tigera.io/v1/installations/default"
API_SERVER = "/apis/operator.tigera.io/v1/apiservers/default"
NATIVE = f"{preflight.CRDS}/{preflight.NATIVE}"  # from Calico 3.32 on
INFORMATION = (f"/apis/{V3}/clusterinformations/default", preflight.CALICO_VERSION)
# Images come from far away, a node's readiness is asked every 30 s, and the API server is told available a minute after it is.
NETWORK_SECONDS = 600
TAKEN_UP_SECONDS = (
    20  # the operator installs its definitions; it sees a change of bindMode, and writes calico-node's template
)
RESTARTING = ("bindMode", "listenPort")  # of BGPConfiguration: the operator, or BIRD, starts anew


def manifests_of(run: Run) -> tuple[list[Manifest], list[Manifest]]:
    """The operator's manifest, and that of the definitions where there is one."""
    addresses = run.intent.manifests
    definitions = addresses.calico_crds
    return (
        fetched(run, "manifests.calico", addresses.calico),
        fetched(run, "manifests.calico_crds", definitions) if definitions else [],
    )


def build(run: Run, api: KubernetesApi | None) -> list[Change]:
    """Definitions, operator, Installation; BGP before all else where its API answers already; and the end of what that set going."""
    operator, definitions = manifests_of(run)
    password = run.bgp_password()
    wanted = bgp_objects.bgp(run.intent, password)
    coming = [*definitions, *operator] if upgrading(run) and run.options.dry_run else None
    # lost sessions may be all that keeps Calico from being ready: they are put right first where that can be done
    first = not run.options.dry_run and api is not None and _takes_bgp(run, api, wanted)
    generation = _generation(api)  # before BGP is written
    bgp = _bgp(run, api, wanted) if first else []
    changes = [*bgp, *apply(run, api, [*definitions, *operator])]
    deployment = partial(conditions.deployment, namespace=OPERATOR, name=OPERATOR)
    wait(run, api, deployment, ROLLOUT_SECONDS, OPERATOR, crashing=OPERATOR)
    changes += _configuration_beforehand(run, api, wanted)
    installation = objects.calico(run.intent)
    if upgrading(run):  # a definition that has just been written is described a moment later
        wait(run, api, partial(_undeclared_yet, installation), TAKEN_UP_SECONDS)
    changes += apply(run, api, installation, coming)
    if not first:
        wait(run, api, partial(_not_served_yet, run, wanted), NETWORK_SECONDS, *NAMESPACES, crashing=OPERATOR)
        if password:
            wait(run, api, _no_namespace, ROLLOUT_SECONDS, OPERATOR, crashing=OPERATOR)
        generation = _generation(api)
        if upgrading(run):  # Calico's own API server may still be the one of before
            wait(run, api, partial(_undeclared_yet, wanted), NETWORK_SECONDS, *NAMESPACES, crashing=OPERATOR)
        bgp = _planned_or_written(run, api, wanted, coming)
        changes += bgp
    if api is not None and not run.options.dry_run:
        _wait_for_restart(api, bgp, generation)  # what was written beforehand restarts nobody
        _wait_until_available(run, api)
    return changes


def _takes_bgp(run: Run, api: KubernetesApi, wanted: list[Manifest]) -> bool:
    """Whether BGP can be written before anything else is: its API answers, and has every field already."""
    if _not_served(api, wanted) or not api.get(NAMESPACE_PATH):
        return False
    return not (upgrading(run) and _undeclared_yet(wanted, api))


def upgrading(run: Run) -> bool:
    """Whether another version of Calico was asked for (upgrade.py --calico)."""
    return bool(run.options.further.get("calico"))


def running(api: KubernetesApi) -> str:
    """The version that a calico-node has written down last: a newer one does so when it begins; "" where none is known."""
    return next(filter(None, (preflight.running_calico(api.get(path)) for path in INFORMATION)), "")


def wait_for_version(run: Run, api: KubernetesApi) -> None:
    """The operator has begun with the inventory's version, and every calico-node has it.

    Raises:
        CommandError: it does not come; says what stands in its way.

    """
    version = run.intent.software.calico

    def begun(api: KubernetesApi) -> str:
        stands = running(api)
        return "" if stands == version else f"Calico {stands or 'of an unknown version'} runs, and not {version} yet"

    wait(run, api, begun, NETWORK_SECONDS, *NAMESPACES, crashing=OPERATOR)
    _wait_until_available(run, api)


def _configuration_beforehand(run: Run, api: KubernetesApi | None, wanted: list[Manifest]) -> list[Change]:
    """BGPConfiguration before any calico-node has started: bindMode would restart them all, one after the other, half a minute each.

    projectcalico.org/v3 is served by pods that need calico-node. So, this once, it is written where that API server keeps it, as the
    operator itself does with FelixConfiguration; from then on it is read and written by v3.
    """
    if (
        api is None
        or not wanted
        or run.options.dry_run
        or api.get(DAEMON_SET) is not None
        or not _not_served(api, wanted)
    ):
        return []
    try:
        waits.until(partial(api.serves, STORED, "BGPConfiguration"), TAKEN_UP_SECONDS)
    except CommandError:
        return []  # an operator that keeps it elsewhere: the restart is waited for
    return apply(run, api, [one | {"apiVersion": STORED} for one in wanted if one["kind"] == "BGPConfiguration"])


def _not_served(api: KubernetesApi, wanted: list[Manifest]) -> str:
    """Every kind of Calico's API that is to be written, or taken away, is served."""
    kinds = dict.fromkeys(manifest["kind"] for manifest in wanted if manifest["apiVersion"] == V3) or ("BGPPeer",)
    return next(filter(None, (api.serves(V3, kind) for kind in kinds)), "")


def _not_served_yet(run: Run, wanted: list[Manifest], api: KubernetesApi) -> str:
    """As _not_served, on a first run; with the nodes that hold it up.

    The operator begins with Calico's API server when calico-node has been available on every node once: only then it writes the
    Installation's status.variant (tigera/operator, pkg/controller/installation), which its controller of the API server waits for.

    Raises:
        CommandError: one of those nodes is lost to this run, or silent for long, and the waiting vain.

    """
    missing = _not_served(api, wanted)
    nodes = api.items("/api/v1/nodes") if missing else []
    away = obstacles.away(nodes)
    if not away:
        return missing
    said = "; ".join(f"node {name} is not Ready ({words})" for name, words in away.items())
    why = f"Calico's operator brings it when calico-node is available on every node, and {said}"
    lost = {node.full_name for node in run.intent.nodes if node.name in run.nornir.data.failed_hosts}
    lost |= silence.given_up(run, nodes)
    if hopeless := [name for name in away if name in lost]:
        raise CommandError(
            f"{missing}: {why}",
            cure=f"bring it back and run again, or kubectl delete node {' '.join(hopeless)}",
        )
    waiting(f"for Calico's API: {said}")
    return f"{missing}: {why}"


def _undeclared_yet(wanted: list[Manifest], api: KubernetesApi) -> str:
    """What the API that runs does not declare yet of what is to be written."""
    api.forget_descriptions()
    said = next(filter(None, (undeclared_reason(api, manifest) for manifest in wanted)), "")
    if said:
        waiting("for what serves Calico's API to be of the new version")
    return said


def _no_namespace(api: KubernetesApi) -> str:
    return "" if api.get(NAMESPACE_PATH) else f"the operator has not made the namespace {NAMESPACE}"


def _planned_or_written(
    run: Run, api: KubernetesApi | None, wanted: list[Manifest], coming: list[Manifest] | None
) -> list[Change]:
    """As _bgp; a dry run waits for nothing, and where Calico's API is there and does not answer, nobody knows what would change."""
    try:
        return _bgp(run, api, wanted, coming)
    except ApiRefusal as refusal:
        if not (run.options.dry_run and refusal.passing):
            raise
        raise CommandError(
            f"what would change of Calico's BGP is not known, its API does not answer: {refusal.message}",
            cure="kubectl get tigerastatus says why; deploy.py waits for it",
        ) from refusal


def _bgp(
    run: Run, api: KubernetesApi | None, wanted: list[Manifest], coming: list[Manifest] | None = None
) -> list[Change]:
    """What peers refer to, the peers, and then what no peer refers to any longer."""
    nodes = partial(bgp_objects.nodes, run.intent, _standing(run, api))
    changes = [] if run.options.dry_run else apply(run, api, nodes(keep_labels=True))
    changes += apply(run, api, wanted, coming)
    changes += delete_ours(run, api, PEERS_PATH, "BGPPeer", wanted)
    changes += delete_ours(run, api, FILTERS_PATH, "BGPFilter", wanted)
    return changes + apply(run, api, nodes(keep_labels=False))


def _standing(run: Run, api: KubernetesApi | None) -> dict[str, bgp_objects.StandingNode]:
    """What the cluster's nodes have of ours; where there is no cluster yet, those that it will have."""
    if api is None:
        return {node.full_name: bgp_objects.StandingNode() for node in run.intent.nodes}
    return {name: bgp_objects.standing_node(metadata) for name, metadata in api.nodes().items()}


def _generation(api: KubernetesApi | None) -> int | None:
    found = api.get(DAEMON_SET) if api else None
    return found["metadata"].get("generation") if found else None


def _wait_for_restart(api: KubernetesApi, changes: list[Change], before: int | None) -> None:
    """A change of bindMode restarts calico-node on all nodes: a moment passes until the operator begins.

    An operator that does not restart it for that is no fault: nothing will begin, and nothing is waited for.
    """
    if before is None or not any(_restarts(change) for change in changes):
        return
    try:
        waits.until(lambda: "" if _generation(api) != before else "calico-node's template stands", TAKEN_UP_SECONDS)
    except CommandError:
        return


def _restarts(change: Change) -> bool:
    if not change.what.startswith("BGPConfiguration "):
        return False
    before, after = (safe_yaml.load(text or "{}").get("spec") or {} for text in (change.before, change.after))
    return any(before.get(key) != after.get(key) for key in RESTARTING)


def _wait_until_available(run: Run, api: KubernetesApi) -> None:
    """The restart is over, and the operator says so, as far as it can come with the nodes and routers that are there."""
    # with native definitions the API server of the cluster itself serves Calico's kinds, and there is no other
    if api.get(NATIVE) is None:
        served = partial(conditions.tigera_status, name="apiserver", told=API_SERVER)
        wait(run, api, served, NETWORK_SECONDS, *NAMESPACES, crashing=OPERATOR)
    wait(run, api, partial(_nodes_available, run), NETWORK_SECONDS, *NAMESPACES, crashing=OPERATOR)


def _nodes_available(run: Run, api: KubernetesApi) -> str:
    """calico-node is available on every node that is waited for; asked anew each time: a lost node is told Ready for 40 s more."""
    nodes = api.items("/api/v1/nodes")
    silent = silence.given_up(run, nodes)
    absent = sum(node["metadata"]["name"] in silent or not _waited_for(run, node) for node in nodes)
    if absent == len(nodes):
        return ""
    return conditions.daemon_set(api, NAMESPACE, "calico-node", absent=absent) or (
        "" if absent else conditions.tigera_status(api, "calico", told=INSTALLATION)
    )


def _waited_for(run: Run, found: Manifest) -> bool:
    """Whether calico-node can come to be ready there: without a session with any router it is not, and a node that is away is not.

    A session is expected with the routers alone that this run has seen to; of the others nobody knows.
    """
    failed = run.nornir.data.failed_hosts
    node = next((one for one in run.intent.nodes if one.full_name == found["metadata"]["name"]), None)
    routers = node.routers if node else [router.name for router in run.intent.routers]
    if not any(name in run.chosen and name not in failed for name in routers):
        return False
    return obstacles.is_ready(found) or (node is not None and node.name in run.chosen and node.name not in failed)
