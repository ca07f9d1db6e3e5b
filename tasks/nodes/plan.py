"""What a node needs before kubeadm, planned from intent and observation. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Seen
from tasks.linux.state import (
    PENDING_RESTARTS,
    WAIT_FOR_LOCK,
    LinuxChange,
    file,
    marker_of,
    present,
    restart,
    unit,
)
from tasks.nodes import clock, cni, completion, firewall, hosts, kernel, proxy, runtime, swap, units
from tasks.nodes.given import Given
from tasks.nodes.packages import (
    APT_FILE,
    INSTALL_SECONDS,
    MEMBER_QUESTION,
    PACKAGES_QUESTION,
    PROGRAMS_QUESTION,
    RUNNING_QUESTION,
    plan_packages,
)
from tasks.nodes.repository import CODENAME_QUESTION, Repository

KUBELET_FILE = "/etc/default/kubelet"


def questions(intent: Intent) -> dict[str, str]:
    """Read-only commands whose answers the plan needs."""
    return {
        "lock": WAIT_FOR_LOCK.format(seconds=INSTALL_SECONDS),
        "restarts": PENDING_RESTARTS,
        "cni": cni.QUESTION,
        **firewall.questions(intent),
        "cloud init": hosts.QUESTION,
        "swaps": "tail -n +2 /proc/swaps",
        "swap units": swap.QUESTION,
        **kernel.questions(intent),
        **clock.questions(intent),
        **runtime.questions(intent),
        "packages": PACKAGES_QUESTION,
        "codename": CODENAME_QUESTION,
        "programs": PROGRAMS_QUESTION,
        "member": MEMBER_QUESTION,
        "running": RUNNING_QUESTION,
        # not apt-mark: it writes apt's cache, and a look must not
        "held": "dpkg-query -W -f '${Package} ${db:Status-Want}\\n' | sed -n 's/ hold$//p'",
        "units": units.question(unit_names(intent)),
    }


def paths(intent: Intent) -> list[str]:
    """Files that the plan looks at."""
    return [
        *hosts.PATHS,
        swap.FSTAB,
        *firewall.paths(intent),
        *kernel.PATHS,
        clock.daemon(intent).path,
        APT_FILE,
        KUBELET_FILE,
        *runtime.paths(intent),
        *completion.paths(intent),
        *intent.packages.keyrings,
    ]


def unit_names(intent: Intent) -> tuple[str, ...]:
    """The units that the plan asks for."""
    return (clock.daemon(intent).unit, "containerd", "kubelet")


def plan(intent: Intent, node: Node, seen: Seen, given: Given, repository: Repository) -> tuple[LinuxChange, ...]:
    """Everything that a node needs before kubeadm, in the order in which it can be brought about.

    Args:
        intent: what is wanted.
        node: which.
        seen: the answers to questions() and the files of paths().
        given: what neither of them holds.
        repository: what the repositories have, where a package is lacking.

    """
    names = unit_names(intent)
    state = units.states(seen, names)
    time = state[names[0]]
    return present(
        *hosts.plan(intent, seen),
        *swap.plan(intent, seen),
        *firewall.plan(intent, node, seen),
        *kernel.plan(intent, node, seen),
        *(file(path, text, seen.files[path]) for path, text in given.keyrings.items()),
        *proxy.plan_apt(intent, seen, given),
        *clock.plan_servers(intent, seen),
        *plan_packages(intent, seen, repository),
        *clock.plan(intent, seen, time),
        *cni.plan(intent, seen),
        *runtime.plan(intent, seen, given, repository, state["containerd"]),
        *plan_kubelet(node, seen, state["kubelet"]),
        *completion.plan(intent, seen),
        *clock.plan_waiting(intent, seen, time),
    )


def plan_kubelet(node: Node, seen: Seen, state: tuple[str, str]) -> Iterator[LinuxChange | None]:
    """The kubelet's own address, and its unit; it restarts by itself until kubeadm has given it a configuration."""
    runs = state[0] == "active"
    wanted = f"KUBELET_EXTRA_ARGS=--node-ip={node.address}\n"
    change = file(KUBELET_FILE, wanted, seen.files[KUBELET_FILE], restart_marker=marker_of("kubelet") if runs else "")
    yield change
    if (change and runs) or "kubelet" in seen["restarts"].lines:
        yield restart("kubelet")
    if state[1] != "enabled":
        yield unit("kubelet", *state)
