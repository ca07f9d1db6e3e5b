"""What upgrade.py does on a node: snapshot, packages, images, kubeadm, the kubelet; each looks at what is there, and does it once."""

from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, KubepeerError, RefusedError
from kubepeer.intent import Node
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import conditions, obstacles, waits
from tasks.cluster.access import API, ASKED_API, open_api
from tasks.control_plane import kubeconfigs, settings, settled, static_pods
from tasks.control_plane.cluster_settings import settle_cluster
from tasks.control_plane.explain import explain, explained
from tasks.control_plane.given import given
from tasks.control_plane.kubelets import well
from tasks.control_plane.record import SETTINGS, recording
from tasks.drain.look import NODES
from tasks.linux.apply import apply
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange
from tasks.nodes import images, runtime, systems
from tasks.nodes.facts import FACTS
from tasks.nodes.repository import Repository
from tasks.nodes.tasks import given_for
from tasks.upgrade import containerd, kubeadm, packages, seen, snapshot
from tasks.upgrade.look import what_stands
from tasks.upgrade.seen import VERSIONS
from tasks.upgrade.selection import control_planes_behind, runtime_behind, versions_of, wanted, whole

READY_SECONDS = 180  # the kubelet reports its version when it registers; its node is Ready when its network is
ADDONS_SECONDS = 300  # kube-proxy is replaced on one node after the other


@hands_over(needs=(VERSIONS,))
def save_etcd(task: Task, run: Run) -> Result:
    """A snapshot of etcd before the first control plane goes; once some have gone the one of before stays."""
    shell, version = open_shell(run.nornir, task.host.name), wanted(run)
    stands = bool(ask(shell, {"snapshot": snapshot.question(version)})["snapshot"].lines)
    begun = len(control_planes_behind(whole(run))) < len(run.intent.control_planes) or any(
        versions_of(run, node.name).unfinished for node in run.intent.control_planes
    )
    if stands and begun:
        return done(task, summary=f"{snapshot.path(version)} stands")
    changes = (snapshot.saving(version, stands=stands),)
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes, snapshot.path(version))


@hands_over(needs=(FACTS,))
def upgrade_kubeadm(task: Task, run: Run) -> Result:
    """The package of kubeadm, from the repository of its minor; nothing of it runs yet."""
    return done(task, _packages(run, task.host.name, (packages.KUBEADM,)))


def _packages(run: Run, name: str, wanted_packages: tuple[str, ...]) -> tuple[LinuxChange, ...]:
    """Bring packages of a node to the version that is wanted."""
    shell, facts = open_shell(run.nornir, name), run.recall(FACTS, of=name)
    found = at_rest(ask(shell, packages.QUESTIONS, packages.paths(run.intent), deadline=packages.SECONDS), name)
    keys = given_for(run, systems.read(found["system"]))
    repository = (facts.repository if facts else None) or Repository()
    planned = packages.plan(run.intent, wanted_packages, found, keys, repository)
    changes = tuple(change for change in planned if change is not None)
    if not run.options.dry_run:
        apply(shell, changes)
    return changes


def pull_images(task: Task, run: Run) -> Result:
    """The images of the new version, by the new kubeadm's own list: before anything that needs them is restarted."""
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    if run.options.dry_run:
        return done(task, (images.planned(run.intent, node),))
    listed = shell.check(images.list_script(run.intent, node), deadline=images.LIST_SECONDS)
    changes = tuple(images.pull(image) for image in images.lacking(listed.text))
    for number, change in enumerate(changes, start=1):
        waiting(f"{change.what} ({number} of {len(changes)})")
        apply(shell, (change,))
    return done(task, changes)


@hands_over(needs=(SETTINGS,), gives=ASKED_API)
def plan_by_kubeadm(task: Task, run: Run) -> Result:
    """What kubeadm itself says of the upgrade, before it begins; and its ConfigMaps as the inventory wants them with the new version.

    Raises:
        CommandError: kubeadm refuses.
        RefusedError: a configuration must be converted by hand first.

    """
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    api = open_api(run)
    changes = settle_cluster(run, api, node.name, given(run, node, frozenset(api.nodes())))
    if run.options.dry_run:
        return done(task, changes)
    completed = shell.run(kubeadm.planning(run.intent), deadline=kubeadm.PLAN_SECONDS)
    if completed.code:
        raise CommandError(
            f"kubeadm upgrade plan: {completed.said}", host=node.name, cure="mend what it names, and run again"
        )
    if kinds := kubeadm.by_hand(completed.text):
        raise RefusedError(
            f"kubeadm upgrade plan: {', '.join(kinds)} must be converted by hand first. No control plane was touched",
            host=node.name,
            cure="kubeadm config migrate, and the ConfigMaps of kube-system",
        )
    return done(task, changes, "kubeadm agrees")


@hands_over(needs=(SETTINGS, VERSIONS))
def upgrade_control_plane(task: Task, run: Run) -> Result:
    """Kubeadm upgrade: apply on the first control plane, node on the others; etcd and the apiserver of one at a time.

    kubeadm replaces one static pod after the other and waits for each; the load balancer leaves out an apiserver that says that it is not
    ready, and the other control planes serve meanwhile.

    Raises:
        CommandError: another control plane is not ready; kubeadm failed; the apiserver does not become ready.

    """
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    changes = _by_kubeadm(run, node)
    if run.options.dry_run:
        return done(task, changes)
    _refuse_while_unwell(run, shell, node)
    waiting(f"{changes[0].what}: etcd, then the apiserver, the controller manager and the scheduler")
    try:
        with explained(shell):
            apply(shell, changes)
        waits.until(partial(_unready, shell, node), static_pods.POD_SECONDS, partial(explain, shell))
    except CommandError as error:
        error.host = node.name
        error.cure = (
            error.cure
            or "no other node was touched: mend what it names, and run again (kubeadm has put the old manifests back)"
        )
        raise
    return done(task, changes)


def _by_kubeadm(run: Run, node: Node) -> tuple[LinuxChange, ...]:
    """Kubeadm's step; the record that the manifests are as the inventory wants them; the kubeconfigs that are copies of what it renews."""
    first = node == run.intent.control_planes[0]
    gives = given(run, node, frozenset(one.full_name for one in run.intent.nodes))
    made_from = settled.made_from(run.intent, node, gives)
    then = (recording(made_from), *map(kubeconfigs.writing, kubeconfigs.users(run.intent)))
    return (kubeadm.apply(run.intent, node, gives, first=first, before=what_stands(run, node), then=then),)


def _refuse_while_unwell(run: Run, shell: SshShell, node: Node) -> None:
    others = [one for one in run.intent.control_planes if one != node]
    if others:
        static_pods.refuse_while_unwell(shell, node, others)


def _unready(shell: SshShell, node: Node) -> str:
    said = "" if static_pods.ready(shell) else f"the apiserver of {node.name} is not ready"
    if said:
        waiting(said)
    return said


@hands_over(needs=(API,), gives=ASKED_API)
def wait_for_addons(task: Task, run: Run) -> Result:
    """kube-proxy and CoreDNS, which kubeadm has replaced with the last control plane, run everywhere: no node is taken out before."""
    if run.options.dry_run or not run.recall(API):
        return done(task)
    api = open_api(run)

    def missing() -> str:
        found = ""
        if api.get("/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"):
            found = conditions.daemon_set(api, "kube-system", "kube-proxy")
        if not found and api.get("/apis/apps/v1/namespaces/kube-system/deployments/coredns"):
            found = conditions.deployment(api, "kube-system", "coredns")
        if found:
            waiting(found)
        return found

    try:
        waits.until(missing, ADDONS_SECONDS, partial(waits.trouble, api, "kube-system"))
    except KubepeerError as error:
        error.host, error.cure = task.host.name, "kubectl -n kube-system get pods -o wide; then run again"
        raise
    return done(task, summary="kube-proxy and CoreDNS run in their new form")


@hands_over(needs=(VERSIONS,))
def configure_worker(task: Task, run: Run) -> Result:
    """Kubeadm upgrade node on a worker: the kubelet's configuration of the new version."""
    node = run.intent.node(task.host.name)
    found = versions_of(run, node.name)
    if found.current(wanted(run)):
        return done(task)
    before = f"v{found.running}{' (an upgrade that was cut off)' if found.unfinished else ''}"
    changes = (kubeadm.apply(run.intent, node, settings.NOTHING_GIVEN, first=False, before=before),)
    if not run.options.dry_run:
        apply(open_shell(run.nornir, node.name), changes)
    return done(task, changes)


@hands_over(needs=(FACTS, SETTINGS, VERSIONS))
def upgrade_containerd(task: Task, run: Run) -> Result:
    """The container runtime, where it is asked for: its package or archive, its configuration, its restart."""
    node = run.intent.node(task.host.name)
    if not runtime_behind(run, node):
        return done(task)
    shell, facts = open_shell(run.nornir, node.name), run.recall(FACTS, of=node.name)
    asked = ask(shell, containerd.questions(run.intent), runtime.paths(run.intent), deadline=containerd.SECONDS)
    found = at_rest(asked, node.name)
    given_to_node = given_for(run, systems.read(found["system"]))
    changes = containerd.plan(run.intent, found, given_to_node, (facts.repository if facts else None) or Repository())
    if not run.options.dry_run:
        with explained(shell):
            apply(shell, changes)
            apply(shell, (LinuxChange("kubelet", None, "well", steps=(well(run, node),)),))
    return done(task, changes)


@hands_over(needs=(FACTS, VERSIONS), gives=ASKED_API)
def upgrade_kubelet(task: Task, run: Run) -> Result:
    """The packages of kubelet and kubectl, and the new kubelet in the place of the old one.

    Raises:
        CommandError: it does not come back, or does not report the version; on a control plane, another one is not ready before, or its own
            apiserver after.

    """
    shell, node, version = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name), wanted(run)
    is_control_plane = node.role == "control_plane"
    if is_control_plane and not run.options.dry_run:
        _refuse_while_unwell(run, shell, node)
    changes = _packages(run, node.name, packages.OF_THE_KUBELET)
    running = versions_of(run, node.name).running
    if changes and not run.options.dry_run:
        running = seen.versions_of(ask(shell, seen.questions(node), deadline=seen.SECONDS)).running
    if running != version or changes:
        change = packages.restart(running, version, well(run, node))
        changes = (*changes, change)
        if not run.options.dry_run:
            with explained(shell):
                apply(shell, (change,))
    if not run.options.dry_run:
        api = open_api(run)
        try:
            waits.until(
                lambda: reports(api.get(f"{NODES}/{node.full_name}") or {}, version),
                READY_SECONDS,
                partial(explain, shell),
            )
            if is_control_plane:  # a new kubelet may start static pods anew
                waits.until(partial(_unready, shell, node), static_pods.POD_SECONDS, partial(explain, shell))
        except CommandError as error:
            cure = f"journalctl -u kubelet on {node.name}; then run again: the routers send it nothing until then"
            raise CommandError(error.message, host=node.name, cure=cure) from error
    return done(task, changes)


def reports(node: dict[str, object], version: str) -> str:
    """What is not right yet of a Node whose kubelet has been replaced; "" where it is Ready and says the version."""
    status = node.get("status")
    info = status.get("nodeInfo") if isinstance(status, dict) else None
    told = str((info or {}).get("kubeletVersion", "")).removeprefix("v")
    said = "" if told == version else f"the node still reports {told or 'nothing'}"
    said = said or ("" if obstacles.is_ready(node) else "the node is not Ready")
    if said:
        waiting(said)
    return said


@hands_over(needs=(API,), gives=ASKED_API)
def verify_versions(task: Task, run: Run) -> Result:
    """Every chosen node reports the version, and none is left out.

    Raises:
        CommandError: one does not.

    """
    if run.options.dry_run or not run.recall(API):
        return done(task)
    api = open_api(run)
    standing = {str(one["metadata"]["name"]): dict(one) for one in api.items(NODES)}
    chosen = [node for node in run.intent.nodes if node.name in run.chosen]
    wrong = {node.name: said for node in chosen if (said := reports(standing.get(node.full_name, {}), wanted(run)))}
    if wrong:
        told = "; ".join(f"{name}: {said}" for name, said in wrong.items())
        raise CommandError(told, host=task.host.name, cure="run again: it goes on with those")
    return done(task, summary=f"{len(chosen)} nodes run Kubernetes {wanted(run)}")
