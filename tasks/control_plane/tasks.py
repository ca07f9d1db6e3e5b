"""The API's endpoint, the first control plane and the joins: observe, plan, apply."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError
from kubepeer.intent import Node
from kubepeer.run import Run, done
from tasks.cluster import waits
from tasks.cluster.access import API_SECONDS, api_if_there, api_that_answered, kubeconfig_of, open_api
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.control_plane import kubeadm
from tasks.control_plane import membership as members
from tasks.control_plane.endpoint import HAPROXY_POD, KEEPALIVED_POD, PATHS, QUESTIONS, configuration_of, plan_endpoint
from tasks.control_plane.kubeadm import JoinSecrets
from tasks.control_plane.membership import MemberSeen, Membership
from tasks.linux.apply import apply
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange, present

TOKEN_MINUTES = 30
KUBE_PROXY = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
POD_SECONDS = 90
NODE_SECONDS = 60  # a kubelet registers within seconds of its join


def place_endpoint(task: Task, run: Run) -> Result:
    """The files of haproxy and keepalived; the kubelet starts them as soon as it has a configuration."""
    shell = open_shell(run.nornir, task.host.name)
    changes = _plan_endpoint(task, run, shell)
    if not run.options.dry_run:
        apply(shell, changes)
        _wait_for_endpoint(run, run.intent.node(task.host.name), changes)
    return done(task, changes)


def _wait_for_endpoint(run: Run, node: Node, changes: Sequence[LinuxChange]) -> None:
    """Where a cluster lives already, the pods run with what was written before the next control plane's are touched."""
    pods = {change.what: change.after for change in changes if change.what in (HAPROXY_POD, KEEPALIVED_POD)}
    api = api_if_there(run) if pods else None
    seen = run.recall(("member", node.name))
    if api is None or members.membership(node, seen, api.nodes()) is not Membership.FULL:
        return  # no kubelet of the cluster that could start them; this node joins later
    for path, text in pods.items():
        name = f"{Path(path).stem}-{node.full_name}"  # the kubelet's name for a static pod
        waits.until(partial(waits.static_pod, api, name, configuration_of(text or "")), POD_SECONDS)


def _plan_endpoint(task: Task, run: Run, shell: SshShell) -> tuple[LinuxChange, ...]:
    source = run.intent.cluster.endpoint.password
    password = run.redactor.learn(source.read("the VRRP password", run.settings.folder)) if source else None
    return plan_endpoint(run.intent, run.intent.node(task.host.name), ask(shell, QUESTIONS, PATHS), password)


def _observe(shell: SshShell) -> MemberSeen:
    seen = ask(shell, members.QUESTIONS, members.FILES, deadline=kubeadm.KUBEADM_SECONDS + 30)
    return members.member_seen(at_rest(seen, shell.host))


def initialise(task: Task, run: Run) -> Result:
    """The first control plane: kubeadm init where there is no cluster yet; else it joins like the others."""
    shell = open_shell(run.nornir, task.host.name)
    seen = _observe(shell)
    node = run.intent.node(task.host.name)
    api = api_if_there(run, expected=_has_apiserver(run) and not run.options.dry_run)
    if api is None:
        _refuse_second_cluster(run, task.host.name, seen)
    else:
        registered, has_kube_proxy = api.nodes(), api.get(KUBE_PROXY) is not None
        if not members.init_was_cut_off(node, seen, registered, has_kube_proxy=has_kube_proxy):
            return _join(task, run, shell, api, seen, registered)
    secrets = JoinSecrets.generate()
    for value in (secrets.token, secrets.certificate_key):
        run.redactor.learn(value)
    configuration = kubeadm.init_configuration(run.intent, node, secrets)
    changes = present(
        kubeadm.initialise(run.intent, configuration, again=bool(seen.leftovers)), members.kubeconfig_change(None)
    )
    if run.options.dry_run:
        return done(task, changes)
    apply(shell, changes)
    run.keep("join secrets", secrets)
    run.keep("joined", value=True)
    run.keep("certificates uploaded", value=True)
    began = time.monotonic()
    open_api(run, wait_seconds=API_SECONDS)
    return done(
        task,
        changes,
        f"API answers at {run.intent.cluster.endpoint.address} {time.monotonic() - began:.0f} s after init",
    )


def _has_apiserver(run: Run) -> bool:
    """Whether kubeadm has come as far as an apiserver on any control plane that was looked at."""
    seen = (run.recall(("member", node.name)) for node in run.intent.control_planes)
    return any(one is not None and members.APISERVER in one.leftovers for one in seen)


def _refuse_second_cluster(run: Run, first: str, seen_here: MemberSeen) -> None:
    """Kubeadm init while a cluster is there whose API does not answer would make a second one under the same address.

    The other control planes are asked even when a filter has left them out.
    """
    for other in run.intent.control_planes:
        if other.name == first:
            continue
        seen = run.recall(("member", other.name))
        found = seen.leftovers if seen else [members.ADMIN_CONF] if kubeconfig_of(run, other.name) else []
        if found:
            raise CommandError(
                f"{other.name} holds a control plane ({found[0]}), but the API does not answer",
                host=first,
                cure="bring that control plane's apiserver and etcd back; a second cluster is not made over it",
            )
    if members.KUBELET_CONF in seen_here.leftovers and seen_here.api_ready:
        raise CommandError(
            f"the apiserver here is ready, but {run.intent.cluster.endpoint.address}:{run.intent.cluster.endpoint.port} does not answer",
            host=first,
            cure="crictl ps -a | grep -E 'haproxy|keepalived' on the control planes, and their logs",
        )


def observe_membership(task: Task, run: Run) -> Result:
    """What a node says about itself; kept for the phases that must know before they begin."""
    seen = _observe(open_shell(run.nornir, task.host.name))
    run.keep(("member", task.host.name), seen)
    run.redactor.learn(seen.admin_conf)
    return done(task)


def join(task: Task, run: Run) -> Result:
    """A further control plane, or a worker."""
    shell = open_shell(run.nornir, task.host.name)
    seen = _observe(shell)
    api = api_that_answered(run)
    if api is None:
        if not run.options.dry_run:
            raise CommandError(
                "there is no cluster to join",
                host=task.host.name,
                cure="run deploy.py with the first control plane first",
            )
        return done(
            task, (_planned_join(run, task.host.name, JoinSecrets.generate(), "sha256:", reset=bool(seen.leftovers)),)
        )
    return _join(task, run, shell, api, seen, api.nodes())


def _planned_join(run: Run, name: str, secrets: JoinSecrets, ca_hash: str, *, reset: bool) -> LinuxChange:
    node = run.intent.node(name)
    return kubeadm.joining(
        run.intent, node, kubeadm.join_configuration(run.intent, node, secrets, ca_hash), reset=reset
    )


def _join(
    task: Task, run: Run, shell: SshShell, api: KubernetesApi, seen: MemberSeen, registered: Mapping[str, Manifest]
) -> Result:
    node = run.intent.node(task.host.name)
    state = members.membership(node, seen, registered)
    is_control_plane = node.role == "control_plane"
    if state is Membership.FULL:
        changes = _completed(run, node, seen, registered[node.full_name].get("labels", {})) if is_control_plane else ()
        if not run.options.dry_run:
            apply(shell, changes)
        return done(task, changes)
    reset = state is Membership.HALF
    if run.options.dry_run:
        planned = _planned_join(run, node.name, JoinSecrets.generate(), "sha256:", reset=reset)
        return done(task, present(planned, members.kubeconfig_change(None) if is_control_plane else None))
    secrets = run.once("join secrets", lambda: _make_token(run, api))
    if is_control_plane:
        run.once("certificates uploaded", lambda: _upload_certificates(task, run, secrets))
    change = _planned_join(run, node.name, secrets, kubeadm.ca_hash(api.ca), reset=reset)
    if reset:
        apply(shell, (kubeadm.reset(),))
        # kubeadm refuses to join under the name of a node that is still Ready
        api.delete(f"/api/v1/nodes/{node.full_name}")
        if is_control_plane:  # kubeadm reset has emptied the manifests' folder
            apply(shell, _plan_endpoint(task, run, shell))
    changes = present(change, members.kubeconfig_change(None) if is_control_plane else None)
    apply(shell, changes)
    run.keep("joined", value=True)
    _wait_until_registered(api, node.full_name, task.host.name)
    return done(task, changes)


def _completed(run: Run, node: Node, seen: MemberSeen, labels: Collection[str]) -> tuple[LinuxChange, ...]:
    """What a control plane that is a member may still lack."""
    mark = None
    if kubeadm.CONTROL_PLANE_LABEL not in labels:
        mark = kubeadm.mark_control_plane(kubeadm.init_configuration(run.intent, node, JoinSecrets.generate()))
    return present(mark, members.kubeconfig_change(seen))


def _make_token(run: Run, api: KubernetesApi) -> JoinSecrets:
    secrets = JoinSecrets.generate()
    run.redactor.learn(secrets.token)
    run.redactor.learn(secrets.certificate_key)
    expires = datetime.now(UTC) + timedelta(minutes=TOKEN_MINUTES)
    body = kubeadm.bootstrap_token(secrets, expires.strftime("%Y-%m-%dT%H:%M:%SZ"))
    api.call("POST", "/api/v1/namespaces/kube-system/secrets", body=body)
    return secrets


def _upload_certificates(task: Task, run: Run, secrets: JoinSecrets) -> bool:
    """Any control plane that is a member can upload them; the first that can be reached does."""
    for node in run.intent.control_planes:
        seen = run.recall(("member", node.name))
        if node.name == task.host.name or seen is None or not seen.admin_conf:
            continue
        step = kubeadm.upload_certificates(kubeadm.init_configuration(run.intent, node, secrets))
        apply(open_shell(run.nornir, node.name), (LinuxChange("upload-certs", steps=(step,)),))
        return True
    raise CommandError("no control plane that could upload its certificates was observed", host=task.host.name)


def _wait_until_registered(api: KubernetesApi, full_name: str, host: str) -> None:
    ends = time.monotonic() + NODE_SECONDS
    while full_name not in api.nodes():
        if time.monotonic() > ends:
            raise CommandError(
                f"joined, but after {NODE_SECONDS} s the API does not know {full_name}",
                host=host,
                cure="journalctl -u kubelet",
            )
        time.sleep(0.5)  # nobody tells us; the API is asked again


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
        description = kubeadm.decoded(secret, "description")
        if description == kubeadm.TOKEN_DESCRIPTION or proxy in description:
            api.delete(f"{path}/{secret['metadata']['name']}")
    api.delete(f"{path}/kubeadm-certs")
    return done(task)
