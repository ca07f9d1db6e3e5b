"""The settings of control planes that live: observe, plan, apply; one control plane after the other, each well again before the next."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Node
from kubepeer.intent.families import in_url
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import obstacles, waits
from tasks.cluster.access import ASKED_API, api_that_answered
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import certificate, kubeadm, manifests, settled
from tasks.control_plane import record as records
from tasks.control_plane.cluster_settings import settle_cluster
from tasks.control_plane.explain import explain
from tasks.control_plane.given import given
from tasks.control_plane.join_secrets import JoinSecrets
from tasks.control_plane.record import SETTINGS, SettingsSeen
from tasks.control_plane.settings import APISERVER, COMPONENTS, ETCD
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask
from tasks.linux.shell import Shell, SshShell, open_shell
from tasks.linux.state import LinuxChange, Write, present

REGISTERED = Memory[frozenset[str]]("the nodes that the cluster has, before and after the joins")
WENT_WRONG = Memory[str]("the control plane on which a setting went wrong")
GIVES = (*ASKED_API, SETTINGS, WENT_WRONG)
POD_SECONDS = 150  # a container that crashes at once is told sooner
SAME_SECONDS = 45  # the kubelet looks at the folder every 20 s where nothing tells it sooner
ATTEMPTS = 3  # of a container that was started anew: the setting, and no accident
HASH = "kubernetes.io/config.hash"  # of a static pod's manifest, by the kubelet
CONTROL_PLANE_PODS = "/api/v1/namespaces/kube-system/pods"
READYZ = "curl --noproxy '*' -sk --max-time 3 https://{address}:6443/readyz; true"


def keep_settings(run: Run, name: str, answers: Seen) -> None:
    """What a node has of the settings, from its answers to record.QUESTIONS."""
    run.keep(SETTINGS, records.settings_seen(answers), of=name)


def settings_of(run: Run, shell: SshShell) -> SettingsSeen:
    """What a node has of the settings: as the run's first look has seen it, or as it is now where the run has changed the node."""
    seen = run.recall(SETTINGS, of=shell.host)
    if seen is None or shell.host in run.changed:
        seen = records.settings_seen(ask(shell, records.QUESTIONS, records.FILES))
        run.keep(SETTINGS, seen, of=shell.host)
    return seen


@hands_over(needs=(SETTINGS,), gives=GIVES)
def settle(task: Task, run: Run) -> Result:
    """What the inventory adds to kubeadm, on a control plane that is a member: files, certificate, manifests."""
    api = api_that_answered(run)
    if api is None:
        return done(task)
    node = run.intent.node(task.host.name)
    members = run.once(REGISTERED, lambda: frozenset(api.nodes()), of="before the joins")
    return done(task, _settle(run, api, node, members))


@hands_over(needs=(SETTINGS,), gives=GIVES)
def settle_again(task: Task, run: Run) -> Result:
    """The same, when every control plane has what the others must be able to read: a new key of the encryption comes to the front."""
    api = None if run.options.dry_run else api_that_answered(run)
    if api is None:
        return done(task)
    node = run.intent.node(task.host.name)
    members = run.once(REGISTERED, lambda: frozenset(api.nodes()), of="after the joins")
    return done(task, _settle(run, api, node, members))


def _settle(run: Run, api: KubernetesApi, node: Node, members: frozenset[str]) -> tuple[Change, ...]:
    if node.full_name not in members:
        return ()
    shell = open_shell(run.nornir, node.name)
    seen, gives = settings_of(run, shell), given(run, node, members)
    cluster = settle_cluster(run, api, node.name, gives)
    should = settled.wanted(run.intent, node, gives)
    asked = settled.to_ask(should, seen)
    configuration = kubeadm.init_configuration(run.intent, node, JoinSecrets.generate(), gives)
    pods = _manifests(run, shell, asked, configuration, should.patches)
    files = settled.plan_files(should.files, seen.files, restart=APISERVER not in pods)
    patches = settled.plan_patches(should.patches, seen.patches)
    names = certificate.plan(run.intent, node, seen, configuration, restart=APISERVER not in pods)
    restart = None
    if names is None and APISERVER not in pods:
        restart = settled.restart_for_files(files) or settled.pending_restart(seen)
    removals = settled.plan_removals(should.files, seen.files)
    changes = present(patches, *files, names, *pods.values(), restart, *removals)
    if changes:
        changes = (*changes[:-1], settled.recorded(run.intent, node, gives, changes[-1]))
    elif asked:
        changes = (settled.plan_record(run.intent, node, gives),)
    if run.options.dry_run or not changes:
        return (*cluster, *changes)
    _refuse_after_a_failure(run, shell, node, members, changes)
    try:
        _bring_about(run, api, shell, seen, changes)
    except KubepeerError:
        run.keep(WENT_WRONG, node.name)
        raise
    run.keep(SETTINGS, records.settings_seen(ask(shell, records.QUESTIONS, records.FILES)), of=node.name)
    return (*cluster, *changes)


def _manifests(
    run: Run, shell: Shell, asked: list[str], configuration: str, patches: Mapping[str, str]
) -> dict[str, LinuxChange]:
    """The manifests that are not as kubeadm would write them; it is asked only where there is a reason to doubt."""
    if not asked:
        return {}
    script, stdin = manifests.rendering(run.intent, configuration, patches)
    completed = shell.run(script, stdin=stdin.encode(), deadline=manifests.RENDER_SECONDS)
    if completed.code:
        raise CommandError(
            f"kubeadm cannot write the manifests with what the inventory adds: {completed.said}",
            host=getattr(shell, "host", None),
            cure="correct kubeadm.*.patches or extra_args in the inventory",
        )
    return manifests.plan(asked, *manifests.answered(completed.text))


def _refuse_after_a_failure(
    run: Run, shell: Shell, node: Node, members: frozenset[str], changes: tuple[LinuxChange, ...]
) -> None:
    """A setting that went wrong on one control plane is not tried on the next; and none is touched while another is not well.

    One whose own apiserver is down has nothing to lose, as long as its etcd is left alone: the change may be what it lacks.
    """
    if (failed := run.recall(WENT_WRONG)) is not None:
        raise CommandError(f"not touched: the same settings went wrong on {failed}", host=node.name)
    others = [one for one in run.intent.control_planes if one != node and one.full_name in members]
    etcd = any(change.what == f"{records.MANIFESTS}/{ETCD}.yaml" for change in changes)
    if not others or (not etcd and not _ready(shell)):
        return

    def unwell() -> str:
        bad = [one.name for one in others if not _ready(shell, str(one.address))]
        return f"the apiserver of {', '.join(bad)} is not ready" if bad else ""

    try:
        waits.until(unwell, POD_SECONDS)
    except CommandError as error:
        raise CommandError(
            f"not touched: {error.message}", host=node.name, cure="bring that control plane back first"
        ) from error


def _ready(shell: Shell, address: str = "127.0.0.1") -> bool:
    """Whether an apiserver says itself that it is ready, and its etcd with it.

    Its pod in the API may say so while it is down: where the kubelet asks the apiserver of its own machine, it can tell nobody.
    """
    return shell.run(READYZ.format(address=in_url(address)), deadline=20).text.strip() == "ok"


def _bring_about(
    run: Run, api: KubernetesApi, shell: SshShell, seen: SettingsSeen, changes: tuple[LinuxChange, ...]
) -> None:
    node = run.intent.node(shell.host)
    by_path = {f"{records.MANIFESTS}/{name}.yaml": name for name in COMPONENTS}
    for change in changes:
        component = by_path.get(change.what)
        if component is None:
            apply(shell, (change,))
            continue
        pod = f"{component}-{node.full_name}"
        before = _hash(_pod(api, pod))
        waiting(f"for {pod}")
        try:
            apply(shell, (change,))
            _wait_for(api, shell, node, component, before)
        except CommandError as error:
            raise _put_back(api, shell, node, component, change, seen, error) from error


def _pod(api: KubernetesApi, name: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{CONTROL_PLANE_PODS}/{name}") or {"metadata": {}}
    return found


def _hash(pod: Mapping[str, Any]) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(HASH, ""))


def _wait_for(api: KubernetesApi, shell: Shell, node: Node, component: str, before: str) -> None:
    """The pod of the new manifest is ready; where the kubelet sees no difference in it, the pod that there is."""
    began = time.monotonic()
    also = (APISERVER,) if component == ETCD else ()  # it has lost its etcd for a moment

    def missing() -> str:
        if component in (APISERVER, ETCD) and not _ready(shell):
            return f"the apiserver of {node.name} is not ready"
        pod = _pod(api, f"{component}-{node.full_name}")
        if _hash(pod) == before and time.monotonic() < began + SAME_SECONDS:
            return f"pod {component}-{node.full_name} is still the one of before"
        names = (component, *also)
        unready = [name for name in names if not obstacles.is_ready(_pod(api, f"{name}-{node.full_name}"))]
        return f"pod {unready[0]}-{node.full_name} is not ready" if unready else ""

    waits.until(missing, POD_SECONDS, partial(explain, shell, (component,)), Crashing(shell, component))


class Crashing:
    """Tells when waiting is in vain: the container of a new manifest has ended several times.

    The newest container may be one of the manifest before, which has ended often already: attempts are counted anew for each pod, so
    those of the new one are told by a count that is low, or falls.
    """

    def __init__(self, shell: Shell, component: str) -> None:
        self._shell, self._component = shell, component
        self._last: int | None = None
        self._new = False

    def __call__(self) -> str:
        """Why no waiting will help, or ""."""
        why = explain(self._shell, (self._component,))
        found = re.search(rf"{self._component} exited.*?(?:attempt (\d+)|$)", why)
        attempt = int(found[1] or 1) if found else 0
        self._new = self._new or attempt < (ATTEMPTS if self._last is None else self._last)
        self._last = attempt
        return why if self._new and attempt >= ATTEMPTS else ""


def _put_back(
    api: KubernetesApi,
    shell: SshShell,
    node: Node,
    component: str,
    change: LinuxChange,
    seen: SettingsSeen,
    error: CommandError,
) -> CommandError:
    """The manifest as it was, with the files that it names; the error that says so."""
    files = settled.restoring(seen.files) if component == APISERVER else ()
    new = _safe_hash(api, f"{component}-{node.full_name}")
    old = LinuxChange(
        change.what, None, change.before, steps=(Write(change.what, change.before or "", manifests.MODE),)
    )
    try:
        apply(shell, (*files, replace(old, secret=True)))
        _wait_for(api, shell, node, component, new)
    except KubepeerError as second:
        outcome = f"the old manifest was put back, and it does not come back with that either ({second.message})"
    else:
        outcome = "the old manifest was put back, and it runs again"
    return CommandError(
        f"{component} does not come back with the new settings: {error.message}. {outcome[0].upper()}{outcome[1:]}",
        host=node.name,
        cure="correct what the inventory adds to it (section kubeadm); no further control plane was touched",
    )


def _safe_hash(api: KubernetesApi, pod: str) -> str:
    try:
        return _hash(_pod(api, pod))
    except KubepeerError:
        return ""
