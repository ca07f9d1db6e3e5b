"""The settings of control planes that live: observe, plan, apply; one control plane after the other, each well again before the next."""

from collections.abc import Mapping

from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster.access import ASKED_API, api_that_answered
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import certificate, kubeadm, manifests, settled, static_pods
from tasks.control_plane import record as records
from tasks.control_plane.cluster_settings import settle_cluster
from tasks.control_plane.given import given
from tasks.control_plane.join_secrets import JoinSecrets
from tasks.control_plane.record import SETTINGS, SettingsSeen
from tasks.control_plane.settings import APISERVER, COMPONENTS, ETCD
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask
from tasks.linux.shell import Shell, SshShell, open_shell
from tasks.linux.state import LinuxChange, present

REGISTERED = Memory[frozenset[str]]("the nodes that the cluster has, before and after the joins")
WENT_WRONG = Memory[str]("the control plane on which a setting went wrong")
GIVES = (*ASKED_API, SETTINGS, WENT_WRONG)


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
    if not others or (not etcd and not static_pods.ready(shell)):
        return

    static_pods.refuse_while_unwell(shell, node, others)


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
        before = static_pods.digest(static_pods.pod_of(api, node, component))
        waiting(f"for {component}-{node.full_name}")
        try:
            apply(shell, (change,))
            static_pods.wait_for(api, shell, node, component, before)
        except CommandError as error:
            raise static_pods.put_back(api, shell, node, component, change, seen, error) from error
