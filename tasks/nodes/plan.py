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
from tasks.nodes import (
    calicoctl,
    clock,
    cni,
    completion,
    firewall,
    hosts,
    kernel,
    proxy,
    runtime,
    selinux,
    swap,
    systems,
    units,
)
from tasks.nodes.given import Given
from tasks.nodes.managers.apt import APT_FILE, CODENAME_QUESTION
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.nodes.managers.rpm import REPOSITORY_FILE, key_path
from tasks.nodes.managers.versionlock import LISTS
from tasks.nodes.packages import (
    HELD_QUESTION,
    MEMBER_QUESTION,
    PACKAGES_QUESTION,
    PROGRAMS_QUESTION,
    RUNNING_QUESTION,
    plan_packages,
)
from tasks.nodes.repository import Repository
from tasks.nodes.systems import APT, PLACES, RPM, System


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
        **calicoctl.questions(intent),
        "packages": PACKAGES_QUESTION,
        "codename": CODENAME_QUESTION,
        "programs": PROGRAMS_QUESTION,
        "member": MEMBER_QUESTION,
        "running": RUNNING_QUESTION,
        "held": HELD_QUESTION,
        "system": systems.QUESTION,
        "selinux": selinux.QUESTION,
        "units": systems.by_family(
            apt=units.question(unit_names(intent, APT)), rpm=units.question(unit_names(intent, RPM))
        ),
    }


def paths(intent: Intent) -> list[str]:
    """Files that the plan looks at."""
    return [
        *hosts.PATHS,
        swap.FSTAB,
        *firewall.paths(intent),
        *kernel.PATHS,
        *clock.paths(intent),
        selinux.CONFIG,
        APT_FILE,
        REPOSITORY_FILE,
        *LISTS.values(),
        *(places.kubelet_file for places in PLACES.values()),
        *runtime.paths(intent),
        *completion.paths(intent),
        *calicoctl.paths(intent),
        *intent.packages.keyrings,
        *(key_path(repository) for repository in intent.packages.rpm_repositories if repository.gpgkey),
    ]


def unit_names(intent: Intent, family: str) -> tuple[str, ...]:
    """The units that the plan asks for, on a family of systems."""
    return (clock.DAEMONS[intent.time.daemon][family].unit, "containerd", "kubelet")


def plan(intent: Intent, node: Node, seen: Seen, given: Given, repository: Repository) -> tuple[LinuxChange, ...]:
    """Everything that a node needs before kubeadm, in the order in which it can be brought about.

    Args:
        intent: what is wanted.
        node: which.
        seen: the answers to questions() and the files of paths().
        given: what neither of them holds.
        repository: what the repositories have, where a package is lacking.

    """
    system = systems.read(seen["system"])
    names = unit_names(intent, system.family or APT)
    state = units.states(seen, names)
    time = state[names[0]]
    return present(
        *hosts.plan(hosts.lines(intent) if given.names is None else given.names, seen),
        *swap.plan(intent, seen),
        *firewall.plan(intent, node, seen),
        *selinux.plan(intent, seen),
        *kernel.plan(intent, node, seen),
        *(file(path, text, seen.files[path]) for path, text in given.keyrings.items()),
        *proxy.plan_apt(intent, seen, given),
        *clock.plan_servers(intent, system, seen),
        *plan_packages(
            intent, seen, repository, proxy.exports(proxy.values(intent, given), proxy.repositories(intent))
        ),
        *clock.plan(intent, system, seen, time),
        *cni.plan(intent, seen),
        *runtime.plan(intent, seen, given, repository, state["containerd"]),
        *plan_kubelet(node, system, seen, state["kubelet"]),
        *completion.plan(intent, seen),
        *calicoctl.plan(intent, node, seen, given),
        *clock.plan_waiting(intent, system, seen, time),
    )


def plan_kubelet(node: Node, system: System, seen: Seen, state: tuple[str, str]) -> Iterator[LinuxChange | None]:
    """The kubelet's own address, and its unit; it restarts by itself until kubeadm has given it a configuration."""
    runs = state[0] == "active"
    further = "".join(f" --{name}={one}" for name, values in node.settings.kubelet_extra_args.items() for one in values)
    wanted = f"KUBELET_EXTRA_ARGS=--node-ip={','.join(map(str, node.addresses))}{further}\n"
    path = system.places.kubelet_file
    change = file(path, wanted, seen.files[path], restart_marker=marker_of("kubelet") if runs else "")
    yield change
    if (change and runs) or "kubelet" in seen["restarts"].lines:
        yield restart("kubelet")
    if state[1] != "enabled":
        yield unit("kubelet", *state)
