"""The kubelets' configuration on nodes that are members: observe, plan, apply; the first node alone, then the others, by batches."""

from collections.abc import Sequence
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.batches import in_batches
from tasks.cluster import conditions, waits
from tasks.cluster.access import ASKED_API, api_if_there
from tasks.control_plane import kubelet_configuration
from tasks.control_plane.explain import explain
from tasks.control_plane.record import KUBELET_FILE, SETTINGS, SettingsSeen
from tasks.control_plane.settings import NOTHING_GIVEN, patches
from tasks.control_plane.settled import plan_patches
from tasks.control_plane.settling import settings_of
from tasks.linux.apply import apply
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import Execute, LinuxChange, Write, marker_of, present, restart

KUBELET_FAILED = Memory[str]("the node whose kubelet did not come back")
READY_SECONDS = 60
SETTLE_SECONDS = 3  # a kubelet that does not like its configuration ends at once, and systemd starts it again after ten
MODE = "644"  # as kubeadm writes it

# It is well when it has answered for some seconds without having been started again meanwhile.
WELL = """n=0; began=
while :; do
    now=$(systemctl show -p MainPID --value kubelet)
    if [ "$(curl --noproxy '*' -s --max-time 2 'http://{address}:{port}/healthz')" = ok ] && [ "$now" != 0 ]; then
        [ "$began" = "$now" ] && well=$((well + 1)) || {{ began=$now; well=0; }}
        [ $well -lt {settle} ] || exit 0
    else began=; fi
    n=$((n + 1)); [ $n -lt {seconds} ] || {{ echo "the kubelet does not answer /healthz" >&2; exit 1; }}
    sleep 1
done"""


def first_alone(run: Run, hosts: Sequence[str]) -> Sequence[Sequence[str]]:
    """Turns of a phase: what goes wrong on one node goes wrong on one node."""
    return [turn for turn in (hosts[:1], *in_batches(run, hosts[1:])) if turn]


@hands_over(needs=(SETTINGS,), gives=(*ASKED_API, SETTINGS, KUBELET_FAILED))
def settle_kubelet(task: Task, run: Run) -> Result:
    """A member's kubelet runs with the configuration of the cluster, its groups and its host."""
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    seen = settings_of(run, shell)
    change = plan(run, node, seen)
    changes = present(_patches(run, node, seen) if change else None, change)
    if change is None or run.options.dry_run:
        return done(task, changes)
    if (failed := run.recall(KUBELET_FAILED)) is not None:
        raise CommandError(f"not touched: the kubelet of {failed} did not come back", host=node.name)
    try:
        apply(shell, changes)
        _wait_until_ready(run, shell, node)
    except CommandError as error:
        run.keep(KUBELET_FAILED, node.name)
        raise _put_back(shell, node, change, error) from error
    return done(task, changes)


def plan(run: Run, node: Node, seen: SettingsSeen) -> LinuxChange | None:
    """The change of the kubelet's configuration, and its restart; None where it says what it should, or kubeadm has not written it."""
    stands = seen.files.get(KUBELET_FILE)
    if stands is None:
        return None
    found = kubelet_configuration.planned(kubelet_configuration.of_node(run.intent, node), stands.content)
    if found is None:
        return None
    # the marker first: where the run is cut off in between, the next one restarts it
    write = Write(KUBELET_FILE, found[1], MODE, restart_marker=marker_of("kubelet"))
    steps = (write, *restart("kubelet").steps, well(run, node))
    return LinuxChange(KUBELET_FILE, *found, steps=steps)


def _patches(run: Run, node: Node, seen: SettingsSeen) -> LinuxChange | None:
    """Of a worker; a control plane's are placed with its other settings."""
    return plan_patches(patches(run.intent, node, NOTHING_GIVEN), seen.patches) if node.role == "worker" else None


def well(run: Run, node: Node) -> Execute:
    """A step that waits until a node's kubelet is well, and has been for some seconds."""
    fields = kubelet_configuration.of_node(run.intent, node)
    script = WELL.format(
        address=fields["healthzBindAddress"], port=fields["healthzPort"], settle=SETTLE_SECONDS, seconds=READY_SECONDS
    )
    return Execute("kubelet", script, 2 * READY_SECONDS)


def _wait_until_ready(run: Run, shell: SshShell, node: Node) -> None:
    api = api_if_there(run)
    if api is not None:
        ready = partial(conditions.nodes_ready, api, [node.full_name])
        waits.until(ready, READY_SECONDS, partial(explain, shell))


def _put_back(shell: SshShell, node: Node, change: LinuxChange, error: CommandError) -> CommandError:
    """The configuration as it was; the error that says so."""
    why = explain(shell)
    steps = (Write(KUBELET_FILE, change.before or "", MODE), *restart("kubelet").steps)
    try:
        apply(shell, (LinuxChange(f"{KUBELET_FILE} as it was", steps=steps),))
        outcome = "The old one was put back"
    except KubepeerError as second:
        outcome = f"The old one could not be put back ({second.message})"
    said = f": {why}" if why and why not in error.message else ""
    return CommandError(
        f"the kubelet does not come back with the new configuration: {error.message}{said}. {outcome}",
        host=node.name,
        cure="correct kubelet_configuration of the host, its groups, or software; no further node was touched",
    )
