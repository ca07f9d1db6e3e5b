"""The load balancer in the cluster: its manifest, its controller's rollout, what it is told, its speakers' rollout."""

from functools import partial

from kubepeer.change import Change
from kubepeer.errors import KubepeerError
from kubepeer.run import Run
from tasks.cluster import conditions
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.apply import ROLLOUT_SECONDS, apply, delete, delete_ours, fetched, wait
from tasks.cluster.balancers import provided
from tasks.cluster.balancers.balancer import Place
from tasks.cluster.differences import name_of
from tasks.cluster.refusal import ApiRefusal

ADMITTED_SECONDS = (
    120  # a webhook's certificate comes to its pod as a mounted Secret, which the kubelet looks at every minute
)


def manifest_of(run: Run) -> list[Manifest]:
    """The provider's manifest, whole; nothing where it has none."""
    key = provided.of(run.intent).manifest
    address = getattr(run.intent.manifests, key) if key else None
    return fetched(run, f"manifests.{key}", address) if address else []


def build(run: Run, api: KubernetesApi | None) -> list[Change]:
    """The manifest without what is not wanted, and what it is told once its controller runs."""
    balancer, intent = provided.of(run.intent), run.intent
    changes = apply(run, api, balancer.kept(intent, manifest_of(run)))
    for place in balancer.unwanted(intent):
        if api is not None and api.get(place.path) is not None:
            changes.append(delete(run, api, place.path, Change(str(place), "running", None)))
    controller, speaker = balancer.controller(intent), balancer.speaker(intent)
    if controller is not None:
        rolled_out = partial(conditions.deployment, namespace=controller.namespace, name=controller.name)
        wait(run, api, rolled_out, ROLLOUT_SECONDS, controller.namespace, crashing=controller.namespace)
    wanted = balancer.objects(intent, run.bgp_password() if intent.load_balancer.speaks else None)
    if controller is not None:
        wait(run, api, partial(_not_admitted, wanted, controller), ADMITTED_SECONDS, controller.namespace)
    changes += apply(run, api, wanted)
    for kind, path in balancer.listed.items():
        changes += delete_ours(run, api, path, kind, wanted)
    if speaker is not None:
        announces = partial(conditions.daemon_set, namespace=speaker.namespace, name=speaker.name)
        wait(run, api, announces, ROLLOUT_SECONDS, speaker.namespace, crashing=speaker.namespace)
    return changes


def _not_admitted(wanted: list[Manifest], controller: Place, api: KubernetesApi) -> str:
    """Why a new object would not be taken: a webhook of the provider's that must answer for it does not yet; tried without effect."""
    for manifest in wanted:
        if missing := api.serves(str(manifest["apiVersion"]), manifest["kind"]):
            return missing
        if api.get(str(api.path_of(manifest))) is not None:
            continue  # where it stands as wanted nobody is asked
        try:
            api.apply(manifest, dry_run=True)
        except ApiRefusal as refusal:
            if not refusal.passing:
                raise
            return f"{controller} does not admit {name_of(manifest)}: {refusal.said}"
        except KubepeerError as error:
            return error.message
    return ""
