"""One node joins a cluster that lives, or what is left of an earlier join of it is made up for."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from kubepeer.change import Held, about_to_change
from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Node
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster import waits
from tasks.cluster.access import JOINED, api_if_there, kubeconfig_of
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.control_plane import etcd, kubeadm, kubeconfigs, replaced, settled
from tasks.control_plane import membership as members
from tasks.control_plane.cluster_settings import settle_cluster
from tasks.control_plane.diagnosis import CONTROL_PLANE_PODS
from tasks.control_plane.endpoint import PATHS, QUESTIONS, plan_endpoint
from tasks.control_plane.explain import explain, explained
from tasks.control_plane.given import given
from tasks.control_plane.join_secrets import JoinSecrets, bootstrap_token, ca_hash
from tasks.control_plane.membership import MemberSeen, Membership
from tasks.control_plane.peers import Peers
from tasks.control_plane.record import SETTINGS
from tasks.control_plane.settings import Given
from tasks.control_plane.standing import registered_nodes
from tasks.control_plane.vrrp import vrrp_password
from tasks.linux.apply import apply
from tasks.linux.observe import ask
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange, present

JOIN_SECRETS = Memory[JoinSecrets]("the secrets of this run's joins")
CERTIFICATES_UPLOADED = Memory[bool]("that the certificates of the control planes can be fetched by those that join")
TOKEN_MINUTES = 30
NODE_SECONDS = 60  # a kubelet registers within seconds of its join


def join_cluster(
    run: Run, shell: SshShell, api: KubernetesApi, seen: MemberSeen, registered: Mapping[str, Manifest]
) -> tuple[LinuxChange, ...]:
    """Make a node a member, from whatever it has come to; the changes, which in a dry run are planned only.

    Args:
        run: the running run.
        shell: of the node.
        api: the cluster's.
        seen: what the node says about itself.
        registered: the nodes that the API knows.

    """
    node = run.intent.node(shell.host)
    registered = replaced.left(run, registered)
    stacked = run.intent.kubeadm.stacked_etcd
    state = members.membership(node, seen, registered, api.ca, stacked=stacked)
    peers = Peers(run, node, api, registered)
    if stacked and members.needs_etcd(node, seen, state):
        state = members.with_etcd(state, etcd.of(node, peers.members))
    if state is Membership.FULL:
        changes = _completed(run, node, seen, registered[node.full_name].get("labels", {}))
        if not run.options.dry_run:
            apply(shell, changes)
        return changes
    kubeadm.refuse_another_version(run.intent, node, api.call("GET", "/version")["gitVersion"])
    if state is Membership.UNREGISTERED:
        return _register_again(run, shell, api, seen)
    gives = given(run, node, frozenset(registered))
    return _join_anew(run, shell, api, peers, gives, reset=state is Membership.HALF)


def _completed(run: Run, node: Node, seen: MemberSeen, labels: Collection[str]) -> tuple[LinuxChange, ...]:
    """What a control plane that is a member may still lack."""
    if node.role != "control_plane":
        return ()
    mark = None
    if kubeadm.CONTROL_PLANE_LABEL not in labels:
        mark = kubeadm.mark_control_plane(
            run.intent, kubeadm.init_configuration(run.intent, node, JoinSecrets.generate())
        )
    return present(mark, *kubeconfigs.plan(run.intent, seen.kubeconfigs))


def _register_again(run: Run, shell: SshShell, api: KubernetesApi, seen: MemberSeen) -> tuple[LinuxChange, ...]:
    """A control plane that lives, and whose Node is gone: its data and its vote stay where they are."""
    node = run.intent.node(shell.host)
    changes = present(kubeadm.register_again(node), *_completed(run, node, seen, ()))
    if not run.options.dry_run:
        apply(shell, changes[:1])
        _wait_until_registered(api, node, shell)
        apply(shell, changes[1:])
    return changes


def _join_anew(
    run: Run, shell: SshShell, api: KubernetesApi, peers: Peers, gives: Given, *, reset: bool
) -> tuple[LinuxChange, ...]:
    node = run.intent.node(shell.host)
    is_control_plane = node.role == "control_plane"
    before = before_kubeadm(run, node, gives, reset=reset)
    departures = peers.departures() if is_control_plane and run.intent.kubeadm.stacked_etcd else ()
    administration = tuple(kubeconfigs.plan(run.intent, ())) if is_control_plane else ()
    if run.options.dry_run:
        planned = planned_join(run, node.name, JoinSecrets.generate(), "sha256:", gives, reset=reset)
        return (*departures, *before, planned, *administration)
    planned = planned_join(run, node.name, JoinSecrets.generate(), "sha256:", gives, reset=reset)
    about_to_change((planned,))  # a token is a write
    secrets = run.once(JOIN_SECRETS, partial(_make_token, run, api))
    if departures:
        apply(peers.shell, departures)
    if is_control_plane:
        settle_cluster(run, api, node.name, gives)  # who joins takes from there what is added to kubeadm
        run.once(CERTIFICATES_UPLOADED, partial(_upload_certificates, run, node, api, secrets))
    change = planned_join(run, node.name, secrets, ca_hash(api.ca), gives, reset=reset)
    if reset:
        # before the machine is bare: a run that is cut off here must not leave what looks like a machine that was installed anew
        api.delete(f"/api/v1/nodes/{node.full_name}")
        apply(shell, (kubeadm.reset(run.intent, node),))
        # its kubelet may have registered it again, and kubeadm refuses to join under the name of a node that is still Ready
        api.delete(f"/api/v1/nodes/{node.full_name}")
        if is_control_plane:  # kubeadm reset has emptied the manifests' folder
            apply(shell, plan_endpoint_of(run, shell))
    changes = (*before, change, *administration)
    with explained(shell, CONTROL_PLANE_PODS if is_control_plane else ()):
        apply(shell, changes)
    run.keep(JOINED, value=True)
    _wait_until_registered(api, node, shell)
    return (*departures, *changes)


def before_kubeadm(run: Run, node: Node, gives: Given, *, reset: bool = False) -> tuple[LinuxChange, ...]:
    """What kubeadm, and the pods that it starts, will read; its reset takes the files below its own folder away."""
    seen = run.recall(SETTINGS, of=node.name)
    if seen is not None and reset:
        seen = replace(seen, files={})
    return settled.before_kubeadm(run.intent, node, gives, seen)


def planned_join(run: Run, name: str, secrets: JoinSecrets, ca_hash: str, gives: Given, *, reset: bool) -> LinuxChange:
    """Kubeadm join of a node, with these secrets."""
    node = run.intent.node(name)
    configuration = kubeadm.join_configuration(run.intent, node, secrets, ca_hash, gives)
    change = kubeadm.joining(run.intent, node, configuration, reset=reset)
    return replace(settled.recorded(run.intent, node, gives, change), held=Held.STEP)


def plan_endpoint_of(run: Run, shell: SshShell) -> tuple[LinuxChange, ...]:
    """The endpoint's files on a control plane, against what stands there."""
    node = run.intent.node(shell.host)
    stands = False
    if run.intent.cluster.endpoint.provider == "kube-vip":  # nobody else asks
        api = api_if_there(run)
        stands = api is not None and bool(registered_nodes(run, node, api))
    seen = ask(shell, QUESTIONS, PATHS)
    return plan_endpoint(run.intent, node, seen, vrrp_password(run), cluster_stands=stands)


def _make_token(run: Run, api: KubernetesApi) -> JoinSecrets:
    secrets = JoinSecrets.generate()
    run.redactor.learn(secrets.token)
    run.redactor.learn(secrets.certificate_key)
    expires = datetime.now(UTC) + timedelta(minutes=TOKEN_MINUTES)
    body = bootstrap_token(secrets, expires.strftime("%Y-%m-%dT%H:%M:%SZ"))
    api.call("POST", "/api/v1/namespaces/kube-system/secrets", body=body)
    return secrets


def _upload_certificates(run: Run, joining: Node, api: KubernetesApi, secrets: JoinSecrets) -> bool:
    """Any control plane that is a member can upload them; the first that can be reached does, chosen or not."""
    said = []
    registered = api.nodes()
    for node in run.intent.control_planes:
        if node.name == joining.name or node.full_name not in registered or not kubeconfig_of(run, node.name):
            continue
        step = kubeadm.upload_certificates(run.intent, kubeadm.init_configuration(run.intent, node, secrets))
        try:
            apply(open_shell(run.nornir, node.name), (LinuxChange("upload-certs", steps=(step,)),))
        except KubepeerError as error:
            said.append(f"{node.name}: {error.message}")
        else:
            return True
    raise CommandError(
        f"no other control plane could upload its certificates: {'; '.join(said) or 'none could be reached that is a member'}",
        host=joining.name,
        cure="bring another control plane back",
    )


def _wait_until_registered(api: KubernetesApi, node: Node, shell: SshShell) -> None:
    def missing() -> str:
        return "" if node.full_name in api.nodes() else f"the API does not know {node.full_name}"

    try:
        waits.until(missing, NODE_SECONDS, partial(explain, shell))
    except CommandError as error:
        error.host, error.cure = shell.host, "journalctl -u kubelet"
        raise
