"""The nginx of the tutorial; its new services also prove that the controllers act after the joins."""

from functools import partial

from kubepeer.change import Change
from kubepeer.errors import CommandError
from kubepeer.run import Run
from tasks.cluster import conditions, objects, waits
from tasks.cluster.access import JOINED
from tasks.cluster.api import KubernetesApi
from tasks.cluster.apply import ROLLOUT_SECONDS, apply, wait
from tasks.cluster.balancers import provided

NAMESPACE = "nginx-quic"
ENDPOINTS_SECONDS = 60
PROBE = f"/api/v1/namespaces/{NAMESPACE}/services/kubepeer-probe"


def build(run: Run, api: KubernetesApi | None) -> list[Change]:
    """The workload, waited for; and the proof, where somebody has joined or a proof was cut off."""
    changes = apply(run, api, objects.workload(run.intent))
    answers = partial(conditions.workload_answers, addresses=provided.of(run.intent).gives)
    wait(run, api, answers, ROLLOUT_SECONDS, NAMESPACE)
    if api is not None and not run.options.dry_run and (run.recall(JOINED) or api.get(PROBE) is not None):
        _prove_controllers(api)
    return changes


def _prove_controllers(api: KubernetesApi) -> None:
    """A service made after the last join must get endpoints: the controllers' watches live, whichever apiserver they have."""
    path, _, name = PROBE.rpartition("/")
    api.delete(PROBE)
    spec = {"selector": {"app": "nginx-quic"}, "ports": [{"port": 80, "protocol": "TCP"}]}
    api.call("POST", path, body={"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
    try:
        waits.until(lambda: conditions.endpoints(api, NAMESPACE, name), ENDPOINTS_SECONDS)
    except CommandError as error:
        raise CommandError(
            f"the controllers do not act: a new service has no endpoints after {ENDPOINTS_SECONDS} s",
            cure="see the logs of kube-controller-manager on the control planes, and restart it where it leads",
        ) from error
    finally:
        api.delete(PROBE)
