"""Find the cluster's API: the administrator's kubeconfig from a control plane, the connection through the virtual IP."""

import time
from collections.abc import Iterable
from pathlib import Path

import yaml

from kubepeer import safe_yaml
from kubepeer.errors import KubepeerError, UnreachableError
from kubepeer.intent import Cluster
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster.api import KubernetesApi
from tasks.cluster.kubeconfig import UnusableError
from tasks.cluster.refusal import ApiRefusal
from tasks.linux.shell import open_shell

ADMIN_CONF = "/etc/kubernetes/admin.conf"
API_SECONDS = 120  # an election of keepalived, haproxy's first check, and an apiserver whose etcd elects
ASK_SECONDS = 0.5
API = Memory[KubernetesApi]("the API, which has answered")
API_PROBLEM = Memory[str]("what was said last at the API's address")
ASKED_API = (API, API_PROBLEM)  # what every task may leave that asks it
JOINED = Memory[bool]("whether a node has become a member")


def a_cluster(run: Run) -> Iterable[str]:
    """For needs= of a phase: while no API has answered in this run, everything else stands on the first control plane."""
    if run.recall(API) or run.intent.cluster.adopted:
        return []
    return [run.intent.control_planes[0].name]


class ApiNotReadyError(UnreachableError):
    """The API answers at its address, and says that it is not ready: a cluster is there, and must not be taken for none."""


def open_api(run: Run, *, wait_seconds: float = 0) -> KubernetesApi:
    """The API through the virtual IP, ready; of a cluster that Kubepeer did not build by its own address.

    Args:
        run: the running run; the connection is made once and shared.
        wait_seconds: how long the API may take to become ready.

    Raises:
        ApiNotReadyError: it answers, and is not ready; says which of its checks fail.
        UnreachableError: no control plane has a kubeconfig that is of use, or nobody answers at the address.

    """
    if run.intent.cluster.adopted:
        return _of_somebody_else(run, wait_seconds)
    ends = time.monotonic() + wait_seconds
    while True:
        api = run.recall(API)
        problem, answers, cure = "", False, "python runbooks/deploy.py"
        try:
            api = api or _connect(run)
            problem, answers = _problem(api) if api else ("no control plane that can be reached has a cluster", False)
        except UnusableError as error:  # kubeadm may be writing it
            problem, cure = str(error), rewriting(run.intent.cluster)
        if api and not problem:
            run.keep(API, api)
            return api
        if time.monotonic() >= ends:
            run.keep(API_PROBLEM, problem)
            address = run.intent.cluster.endpoint.at
            waited = f" after {wait_seconds:.0f} s" if wait_seconds else ""
            message = f"the Kubernetes API at {address} is not ready{waited}: {problem}"
            if answers:
                cure = "look at the log of what its failing checks name: crictl ps -a on the control planes (etcd, kube-apiserver)"
                raise ApiNotReadyError(message, cure=cure)
            raise UnreachableError(message, cure=cure)
        time.sleep(ASK_SECONDS)  # an election of keepalived or a start of an apiserver tells nobody


def _of_somebody_else(run: Run, wait_seconds: float) -> KubernetesApi:
    from tasks.cluster.direct import connect, ready  # noqa: PLC0415  few clusters are somebody else's

    api = run.recall(API) or connect(run)
    ready(api, wait_seconds)
    run.keep(API, api)
    return api


def save_kubeconfig(run: Run, api: KubernetesApi) -> Path:
    """The administrator's kubeconfig on the controller, for kubectl from here: by the virtual IP, readable by its owner alone."""
    document = safe_yaml.load(api.kubeconfig)
    document["clusters"][0]["cluster"] |= {"server": api.server, "tls-server-name": run.intent.cluster.endpoint_name}
    path = run.settings.state / "kubeconfig"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def api_of_cluster(run: Run, *, expected: bool = False) -> KubernetesApi | None:
    """The API of a cluster that is there, or None where there is none yet.

    Args:
        run: the running run.
        expected: it is known to be there, and is waited for: an apiserver is not ready for a while when etcd gets another member.

    Raises:
        ApiNotReadyError: somebody answers, and is not ready until the deadline; where nothing is to be changed, at once.

    """
    try:
        return open_api(run, wait_seconds=API_SECONDS if expected else 0)
    except ApiNotReadyError:
        if expected or run.options.dry_run:
            raise
        return open_api(run, wait_seconds=API_SECONDS)
    except UnreachableError:
        return None


def api_if_there(run: Run) -> KubernetesApi | None:
    """The API, or None where it is not ready at this moment: for those that would only like to know, and wait for nothing."""
    try:
        return open_api(run)
    except UnreachableError:
        return None


def api_that_answered(run: Run) -> KubernetesApi | None:
    """The API, or None; one that has answered before in this run is waited for, unless nothing is to be changed."""
    return api_of_cluster(run, expected=run.recall(API) is not None and not run.options.dry_run)


def _problem(api: KubernetesApi) -> tuple[str, bool]:
    """Why the API is not ready, "" when it is; and whether it was the API that said so."""
    try:
        answer = str(api.call("GET", "/readyz")).strip()  # it lists its checks by itself when one fails
    except ApiRefusal as refusal:
        return refusal.message, True
    except KubepeerError as error:
        return error.message, False
    if answer == "ok":
        return "", True
    return f"GET /readyz: {answer.splitlines()[0] if answer else 'an empty answer'}", False


def _connect(run: Run) -> KubernetesApi | None:
    """A connection with the kubeconfig of the first control plane that has one.

    Raises:
        UnusableError: some have one, and none of them is whole.

    """
    endpoint = run.intent.cluster.endpoint
    unusable = []
    for node in run.intent.control_planes:
        kubeconfig = kubeconfig_of(run, node.name)
        if not kubeconfig:
            continue
        try:
            return KubernetesApi(kubeconfig, f"https://{endpoint.at}", run.intent.cluster.endpoint_name)
        except UnusableError as error:
            unusable.append(f"{ADMIN_CONF} of {node.name} {error}")
    if unusable:
        raise UnusableError("; ".join(unusable))
    return None


def rewriting(cluster: Cluster) -> str:
    """How a control plane gets its administrator's kubeconfig anew; kubeadm leaves one that is there alone."""
    phase = (
        f"kubeadm init phase kubeconfig admin --control-plane-endpoint {cluster.endpoint_name}:{cluster.endpoint.port}"
    )
    return f"on that control plane: rm {ADMIN_CONF} && {phase}; where kubeadm init had not ended, python runbooks/deploy.py"


def kubeconfig_of(run: Run, name: str) -> str:
    """The administrator's kubeconfig on a control plane; "" where there is none, or where it cannot be asked."""
    try:
        completed = open_shell(run.nornir, name).run(f"cat {ADMIN_CONF}", deadline=10)
    except KubepeerError:
        return ""  # down, or not ours to reach: another control plane may have it
    return run.redactor.learn(completed.text) if completed.code == 0 else ""
