"""The API's endpoint, the first control plane and the joins: observe, plan, apply."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from nornir.core.task import Result, Task

from kubepeer.change import Held, about_to_change
from kubepeer.errors import CommandError, UnreachableError
from kubepeer.intent import Node
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster import conditions, waits
from tasks.cluster.access import API_SECONDS, ASKED_API, JOINED, api_if_there, api_that_answered, open_api
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import kubeadm, kubeconfigs, settled
from tasks.control_plane import membership as members
from tasks.control_plane.diagnosis import CONTROL_PLANE_PODS, ENDPOINT_PODS
from tasks.control_plane.endpoint import PODS, configuration_of
from tasks.control_plane.explain import explain, explained
from tasks.control_plane.given import given
from tasks.control_plane.join_secrets import TOKEN_DESCRIPTION, JoinSecrets, decoded
from tasks.control_plane.joins import (
    CERTIFICATES_UPLOADED,
    JOIN_SECRETS,
    before_kubeadm,
    join_cluster,
    plan_endpoint_of,
    planned_join,
)
from tasks.control_plane.membership import MEMBER, MemberSeen, Membership
from tasks.control_plane.record import SETTINGS
from tasks.control_plane.standing import cluster_to_join, refuse_second_cluster, registered_nodes, why_no_api
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange

KUBE_PROXY = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
POD_SECONDS = 90
NEW_API_SECONDS = 300  # kubeadm init asks the node's own address: images of haproxy and keepalived may still come


@hands_over(needs=(MEMBER,), gives=ASKED_API)
def place_endpoint(task: Task, run: Run) -> Result:
    """The files of the endpoint; the kubelet starts its pods as soon as it has a configuration. Of an external one there are none."""
    shell = open_shell(run.nornir, task.host.name)
    changes = plan_endpoint_of(run, shell)
    if not run.options.dry_run:
        node, pods = run.intent.node(task.host.name), _pods(changes)
        api = _api_of_a_member(run, node, pods)  # asked before these, which may be the way to it, start anew
        apply(shell, changes)
        if api is not None:
            _wait_for_pods(api, shell, node, pods)
    return done(task, changes)


def _api_of_a_member(run: Run, node: Node, pods: Mapping[str, str]) -> KubernetesApi | None:
    """The API, where a cluster lives already: the pods run with what was written before the next control plane's are touched.

    None where no pod changes, and where no kubelet of the cluster could start them: that node joins later.
    """
    api = api_if_there(run) if pods else None
    seen = run.recall(MEMBER, of=node.name)
    if api is None or seen is None:
        return None
    api = open_api(run, wait_seconds=API_SECONDS)  # the load balancer of the control plane before has just begun anew
    registered, stacked = registered_nodes(run, node, api), run.intent.kubeadm.stacked_etcd
    return api if members.membership(node, seen, registered, stacked=stacked) is Membership.FULL else None


def _wait_for_pods(api: KubernetesApi, shell: SshShell, node: Node, pods: Mapping[str, str]) -> None:
    for path, text in pods.items():
        name = f"{Path(path).stem}-{node.full_name}"  # the kubelet's name for a static pod
        wanted = partial(conditions.static_pod, api, name, configuration_of(text))
        waits.until(wanted, POD_SECONDS, partial(explain, shell, (Path(path).stem,)))


def _pods(changes: Sequence[LinuxChange]) -> dict[str, str]:
    return {change.what: change.after for change in changes if change.what in PODS and change.after}


def _observe(run: Run, shell: SshShell) -> MemberSeen:
    """What the node says about itself.

    What the run's first look has seen stands as long as the run has changed nothing there; but an apiserver that was not ready then is
    looked at again, since a control plane is judged by it.
    """
    seen = run.recall(MEMBER, of=shell.host)
    is_settled = seen is not None and (seen.api_ready or run.intent.node(shell.host).role != "control_plane")
    if seen is not None and is_settled and shell.host not in run.changed:
        return seen
    answers = ask(shell, members.questions(run.intent), members.FILES, deadline=kubeadm.KUBEADM_SECONDS + 30)
    return members.member_seen(at_rest(answers, shell.host))


@hands_over(
    needs=(MEMBER, SETTINGS),
    gives=(*ASKED_API, JOIN_SECRETS, JOINED, CERTIFICATES_UPLOADED),
)
def initialise(task: Task, run: Run) -> Result:
    """The first control plane: kubeadm init where there is no cluster yet; else it joins like the others."""
    shell = open_shell(run.nornir, task.host.name)
    seen = _observe(run, shell)
    node = run.intent.node(task.host.name)
    api = cluster_to_join(run, node, seen)
    if api is None:
        refuse_second_cluster(run, shell, node.name, seen)
    else:
        registered = registered_nodes(run, node, api)
        has_kube_proxy = bool(registered) and api.get(KUBE_PROXY) is not None
        if not members.init_was_cut_off(node, seen, registered, has_kube_proxy=has_kube_proxy):
            return done(task, join_cluster(run, shell, api, seen, registered))
        kubeadm.refuse_another_version(run.intent, node, api.call("GET", "/version")["gitVersion"])
    secrets = JoinSecrets.generate()
    for value in (secrets.token, secrets.certificate_key):
        run.redactor.learn(value)
    gives = given(run, node, frozenset())
    configuration = kubeadm.init_configuration(run.intent, node, secrets, gives)
    initialised = kubeadm.initialise(run.intent, configuration, again=bool(seen.leftovers))
    changes = (
        *before_kubeadm(run, node, gives),
        replace(settled.recorded(run.intent, node, gives, initialised), held=Held.STEP),
        *kubeconfigs.plan(run.intent, ()),
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
    changes = (*changes, *_endpoint_of_new_cluster(run, shell))
    return done(
        task,
        changes,
        f"API answers at {run.intent.cluster.endpoint.address} {time.monotonic() - began:.0f} s after init",
    )


def _endpoint_of_new_cluster(run: Run, shell: SshShell) -> tuple[LinuxChange, ...]:
    """What the endpoint's pods are given as soon as the cluster stands; nothing but for kube-vip, which has begun with other rights."""
    if run.intent.cluster.endpoint.provider != "kube-vip":
        return ()
    changes = plan_endpoint_of(run, shell)
    apply(shell, changes)
    api = api_if_there(run)
    if changes and api is not None:
        _wait_for_pods(api, shell, run.intent.node(shell.host), _pods(changes))
    return changes


def _open_new_api(run: Run, shell: SshShell) -> None:
    """The API through the virtual IP, after kubeadm init has found the apiserver well at the node's own address."""
    try:
        open_api(run, wait_seconds=NEW_API_SECONDS)
    except UnreachableError as error:
        why = explain(shell, (*ENDPOINT_PODS, *CONTROL_PLANE_PODS))
        error.message = ": ".join(filter(None, (error.message, why)))
        raise


def keep_membership(run: Run, name: str, answers: Seen) -> None:
    """What a node says about itself, from its answers to membership.questions(); kept for the phases that must know before they begin."""
    seen = members.member_seen(answers)
    run.keep(MEMBER, seen, of=name)
    run.redactor.learn(seen.admin_conf)
    run.redactor.learn(seen.endpoint.password or "")


@hands_over(needs=(MEMBER, SETTINGS), gives=(*ASKED_API, JOINED))
def join(task: Task, run: Run) -> Result:
    """A further control plane, or a worker."""
    shell = open_shell(run.nornir, task.host.name)
    seen = _observe(run, shell)
    api = api_that_answered(run)
    if api is None:
        if not run.options.dry_run:
            raise CommandError(
                f"there is no cluster to join{why_no_api(run)}",
                host=task.host.name,
                cure="run deploy.py with the first control plane first",
            )
        node = run.intent.node(task.host.name)
        gives = given(run, node, frozenset())
        planned = planned_join(run, node.name, JoinSecrets.generate(), "sha256:", gives, reset=bool(seen.leftovers))
        return done(task, (*before_kubeadm(run, node, gives), planned))
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
            about_to_change()  # another run's, it may be
            api.delete(f"{path}/{secret['metadata']['name']}")
    api.delete(f"{path}/kubeadm-certs")
    return done(task)
