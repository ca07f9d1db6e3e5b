"""The API's endpoint, the first control plane and the joins: observe, plan, apply."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, KubepeerError, UnreachableError
from kubepeer.intent import Node
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster import waits
from tasks.cluster.access import (
    API_PROBLEM,
    ASKED_API,
    JOINED,
    ApiNotReadyError,
    api_if_there,
    api_of_cluster,
    api_that_answered,
    kubeconfig_of,
    open_api,
)
from tasks.cluster.api import ApiRefusal, KubernetesApi, Manifest
from tasks.control_plane import kubeadm
from tasks.control_plane import membership as members
from tasks.control_plane.diagnosis import CONTROL_PLANE_PODS, ENDPOINT_PODS
from tasks.control_plane.endpoint import HAPROXY_POD, KEEPALIVED_POD, configuration_of
from tasks.control_plane.explain import explain, explained
from tasks.control_plane.join_secrets import TOKEN_DESCRIPTION, JoinSecrets, decoded
from tasks.control_plane.joins import CERTIFICATES_UPLOADED, JOIN_SECRETS, join_cluster, plan_endpoint_of, planned_join
from tasks.control_plane.membership import MEMBER, MemberSeen, Membership
from tasks.linux.apply import apply
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange, present

KUBE_PROXY = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
POD_SECONDS = 90
NEW_API_SECONDS = 300  # kubeadm init asks the node's own address: images of haproxy and keepalived may still come
FORBIDDEN = 403  # HTTP


@hands_over(needs=(MEMBER,), gives=ASKED_API)
def place_endpoint(task: Task, run: Run) -> Result:
    """The files of haproxy and keepalived; the kubelet starts them as soon as it has a configuration."""
    shell = open_shell(run.nornir, task.host.name)
    changes = plan_endpoint_of(run, shell)
    if not run.options.dry_run:
        apply(shell, changes)
        _wait_for_endpoint(run, shell, run.intent.node(task.host.name), changes)
    return done(task, changes)


def _wait_for_endpoint(run: Run, shell: SshShell, node: Node, changes: Sequence[LinuxChange]) -> None:
    """Where a cluster lives already, the pods run with what was written before the next control plane's are touched."""
    pods = {change.what: change.after for change in changes if change.what in (HAPROXY_POD, KEEPALIVED_POD)}
    api = api_if_there(run) if pods else None
    seen = run.recall(MEMBER, of=node.name)
    if (
        api is None
        or seen is None
        or members.membership(node, seen, _registered(run, node, api)) is not Membership.FULL
    ):
        return  # no kubelet of the cluster that could start them; this node joins later
    for path, text in pods.items():
        name = f"{Path(path).stem}-{node.full_name}"  # the kubelet's name for a static pod
        wanted = partial(waits.static_pod, api, name, configuration_of(text or ""))
        waits.until(wanted, POD_SECONDS, partial(explain, shell, (Path(path).stem,)))


def _observe(shell: SshShell) -> MemberSeen:
    seen = ask(shell, members.QUESTIONS, members.FILES, deadline=kubeadm.KUBEADM_SECONDS + 30)
    return members.member_seen(at_rest(seen, shell.host))


@hands_over(needs=(MEMBER,), gives=(*ASKED_API, JOIN_SECRETS, JOINED, CERTIFICATES_UPLOADED))
def initialise(task: Task, run: Run) -> Result:
    """The first control plane: kubeadm init where there is no cluster yet; else it joins like the others."""
    shell = open_shell(run.nornir, task.host.name)
    seen = _observe(shell)
    node = run.intent.node(task.host.name)
    api = _cluster_to_join(run, node, seen)
    if api is None:
        _refuse_second_cluster(run, task.host.name, seen)
    else:
        registered = _registered(run, node, api)
        has_kube_proxy = bool(registered) and api.get(KUBE_PROXY) is not None
        if not members.init_was_cut_off(node, seen, registered, has_kube_proxy=has_kube_proxy):
            return done(task, join_cluster(run, shell, api, seen, registered))
        kubeadm.refuse_another_version(run.intent, node, api.call("GET", "/version")["gitVersion"])
    secrets = JoinSecrets.generate()
    for value in (secrets.token, secrets.certificate_key):
        run.redactor.learn(value)
    configuration = kubeadm.init_configuration(run.intent, node, secrets)
    changes = present(
        kubeadm.initialise(run.intent, configuration, again=bool(seen.leftovers)), members.kubeconfig_change(None)
    )
    if run.options.dry_run:
        return done(task, changes)
    with explained(shell, CONTROL_PLANE_PODS):
        apply(shell, changes)
    run.keep(JOIN_SECRETS, secrets)
    run.keep(JOINED, value=True)
    run.keep(CERTIFICATES_UPLOADED, value=True)
    began = time.monotonic()
    _open_new_api(run, shell)
    return done(
        task,
        changes,
        f"API answers at {run.intent.cluster.endpoint.address} {time.monotonic() - began:.0f} s after init",
    )


def _cluster_to_join(run: Run, node: Node, seen: MemberSeen) -> KubernetesApi | None:
    """The API of a cluster that is there already; None where there is none, or where kubeadm init was cut off before it was ready."""
    try:
        return api_of_cluster(run, expected=_has_apiserver(run) and not run.options.dry_run)
    except ApiNotReadyError:
        if not seen.leftovers or _members_elsewhere(run, node.name):
            raise
        return None


def _registered(run: Run, node: Node, api: KubernetesApi) -> Mapping[str, Manifest]:
    """The nodes that the API knows; none yet where kubeadm init was cut off before the administrator has any rights.

    From 1.29 on admin.conf is of a group that kubeadm init binds to its role only when the apiserver has become ready.
    """
    try:
        return api.nodes()
    except ApiRefusal as refusal:
        if refusal.status != FORBIDDEN or _members_elsewhere(run, node.name):
            raise
        return {}


def _open_new_api(run: Run, shell: SshShell) -> None:
    """The API through the virtual IP, after kubeadm init has found the apiserver well at the node's own address."""
    try:
        open_api(run, wait_seconds=NEW_API_SECONDS)
    except UnreachableError as error:
        why = explain(shell, (*ENDPOINT_PODS, *CONTROL_PLANE_PODS))
        error.message = ": ".join(filter(None, (error.message, why)))
        raise


def _has_apiserver(run: Run) -> bool:
    """Whether kubeadm has come as far as an apiserver on any control plane that was looked at."""
    seen = (run.recall(MEMBER, of=node.name) for node in run.intent.control_planes)
    return any(one is not None and members.APISERVER in one.leftovers for one in seen)


def _refuse_second_cluster(run: Run, first: str, seen_here: MemberSeen) -> None:
    """Kubeadm init while a cluster is there whose API does not answer would make a second one under the same address.

    The other control planes are asked even when a filter has left them out.
    """
    for other, found in _members_elsewhere(run, first):
        raise CommandError(
            f"{other} holds a control plane ({found}), but the API does not answer{_why_no_api(run, other)}",
            host=first,
            cure="bring that control plane's apiserver and etcd back; a second cluster is not made over it",
        )
    if members.KUBELET_CONF in seen_here.leftovers and seen_here.api_ready:
        raise CommandError(
            f"the apiserver here is ready, but {run.intent.cluster.endpoint.address}:{run.intent.cluster.endpoint.port} does not answer"
            + "".join(f": {why}" for why in [explain(open_shell(run.nornir, first), ENDPOINT_PODS)] if why),
            host=first,
            cure="crictl ps -a | grep -E 'haproxy|keepalived' on the control planes, and their logs",
        )


def _members_elsewhere(run: Run, name: str) -> list[tuple[str, str]]:
    """The other control planes that hold something of a cluster, and what; they are asked even when a filter has left them out."""
    found = []
    for other in run.intent.control_planes:
        seen = run.recall(MEMBER, of=other.name)
        if other.name != name and (
            held := seen.leftovers if seen else [members.ADMIN_CONF] if kubeconfig_of(run, other.name) else []
        ):
            found.append((other.name, held[0]))
    return found


def _why_no_api(run: Run, holder: str = "") -> str:
    """What was said last at the API's address, and what a control plane that holds a cluster says itself."""
    said = [run.recall(API_PROBLEM)]
    if holder:
        with suppress(KubepeerError):  # it cannot be reached; what stands in the way there is not known
            said.append(explain(open_shell(run.nornir, holder), (*ENDPOINT_PODS, *CONTROL_PLANE_PODS)))
    return "".join(f": {one}" for one in said if one)


@hands_over(gives=(MEMBER,))
def observe_membership(task: Task, run: Run) -> Result:
    """What a node says about itself; kept for the phases that must know before they begin."""
    seen = _observe(open_shell(run.nornir, task.host.name))
    run.keep(MEMBER, seen, of=task.host.name)
    run.redactor.learn(seen.admin_conf)
    return done(task)


@hands_over(gives=(*ASKED_API, JOINED))
def join(task: Task, run: Run) -> Result:
    """A further control plane, or a worker."""
    shell = open_shell(run.nornir, task.host.name)
    seen = _observe(shell)
    api = api_that_answered(run)
    if api is None:
        if not run.options.dry_run:
            raise CommandError(
                f"there is no cluster to join{_why_no_api(run)}",
                host=task.host.name,
                cure="run deploy.py with the first control plane first",
            )
        planned = planned_join(run, task.host.name, JoinSecrets.generate(), "sha256:", reset=bool(seen.leftovers))
        return done(task, (planned,))
    return done(task, join_cluster(run, shell, api, seen, api.nodes()))


@hands_over(gives=ASKED_API)
def retire_secrets(task: Task, run: Run) -> Result:
    """Delete the run's bootstrap token and the encrypted certificates, also those of an earlier run that was cut off."""
    if run.options.dry_run:
        return done(task)
    api = api_that_answered(run)
    if api is None:
        raise CommandError("the API does not answer, and the secrets of the joins stand until they expire in two hours")
    proxy = "Proxy for managing TTL for the kubeadm-certs secret"  # kubeadm's own words, upload-certs phase
    path = "/api/v1/namespaces/kube-system/secrets"
    tokens = api.get(path, {"fieldSelector": "type=bootstrap.kubernetes.io/token"}) or {"items": []}
    for secret in tokens["items"]:
        description = decoded(secret, "description")
        if description == TOKEN_DESCRIPTION or proxy in description:
            api.delete(f"{path}/{secret['metadata']['name']}")
    api.delete(f"{path}/kubeadm-certs")
    return done(task)
