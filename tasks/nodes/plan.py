"""What a node needs before kubeadm, planned from intent and observation. Pure."""

from collections.abc import Iterator, Mapping

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
from tasks.linux.templates import render
from tasks.nodes import chrony, cni, firewall, hosts, kernel, selinux, swap, systems
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
from tasks.nodes.systems import PLACES, System

CONTAINERD_FILE, CRICTL_FILE = "/etc/containerd/config.toml", "/etc/crictl.yaml"
CERTS_FOLDER = "/etc/containerd/certs.d"
SOCKET = "/run/containerd/containerd.sock"


def questions(intent: Intent) -> dict[str, str]:
    """Read-only commands whose answers the plan needs."""
    return {
        "lock": WAIT_FOR_LOCK.format(seconds=INSTALL_SECONDS),
        "restarts": PENDING_RESTARTS,
        "cni": cni.QUESTION,
        "firewall": firewall.QUESTION,
        "cloud init": hosts.QUESTION,
        "swaps": "tail -n +2 /proc/swaps",
        "swap units": swap.QUESTION,
        **kernel.questions(intent),
        "packages": PACKAGES_QUESTION,
        "codename": CODENAME_QUESTION,
        "programs": PROGRAMS_QUESTION,
        "member": MEMBER_QUESTION,
        "running": RUNNING_QUESTION,
        "held": HELD_QUESTION,
        "system": systems.QUESTION,
        "selinux": selinux.QUESTION,
        # one question for all: each systemctl is a process and a conversation with systemd
        "units": systems.by_family(
            **{
                family: f"systemctl show -p ActiveState -p UnitFileState {' '.join(_units(places.time_unit))} 2>/dev/null; true"
                for family, places in PLACES.items()
            }
        ),
    }


def paths(intent: Intent) -> list[str]:
    """Files that the plan looks at."""
    certificates = [_mirror_file(registry) for registry in intent.registries]
    return [
        *hosts.PATHS,
        swap.FSTAB,
        *kernel.PATHS,
        *chrony.PATHS,
        selinux.CONFIG,
        APT_FILE,
        REPOSITORY_FILE,
        *LISTS.values(),
        CONTAINERD_FILE,
        CRICTL_FILE,
        *(places.kubelet_file for places in PLACES.values()),
        *certificates,
        *intent.packages.keyrings,
        *(key_path(repository) for repository in intent.packages.rpm_repositories if repository.gpgkey),
    ]


def plan(
    intent: Intent, node: Node, seen: Seen, keyrings: Mapping[str, str], repository: Repository
) -> tuple[LinuxChange, ...]:
    """Everything that a node needs before kubeadm, in the order in which it can be brought about.

    Args:
        intent: what is wanted.
        node: which.
        seen: the answers to questions() and the files of paths().
        keyrings: path -> text of the keys that the repositories are signed with.
        repository: what the repositories have, where a package is lacking.

    """
    system = systems.read(seen["system"])
    return present(
        *hosts.plan(intent, seen),
        *swap.plan(intent, seen),
        *firewall.plan(intent, seen),
        *selinux.plan(intent, seen),
        *kernel.plan(intent, node, seen),
        *(file(path, text, seen.files[path]) for path, text in keyrings.items()),
        *plan_packages(intent, seen, repository),
        *plan_time(intent, system, seen),
        *cni.plan(intent, seen),
        *plan_runtime(intent, seen),
        *plan_kubelet(node, system, seen),
    )


def plan_time(intent: Intent, system: System, seen: Seen) -> Iterator[LinuxChange | None]:
    """Chrony with the inventory's servers: etcd and certificates need clocks that agree."""
    yield from _unit(system, seen, system.places.time_unit)
    yield from chrony.plan(intent, system, seen)


def plan_runtime(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """Containerd with the cgroup driver of the kubelet, and the registries' mirrors."""
    software = intent.software
    content = render(
        "nodes/config.toml.j2",
        pause_image=software.pause_image,
        cgroup_driver=software.cgroup_driver,
        restrict_oom_score=software.restrict_oom_score,
    )
    configuration = file(CONTAINERD_FILE, content, seen.files[CONTAINERD_FILE], restart_marker=marker_of("containerd"))
    yield configuration
    for registry, mirror in intent.registries.items():
        path = _mirror_file(registry)  # read anew at each pull: no restart
        yield file(path, render("nodes/hosts.toml.j2", registry=registry, mirror=mirror), seen.files[path])
    yield file(
        CRICTL_FILE, f"runtime-endpoint: unix://{SOCKET}\nimage-endpoint: unix://{SOCKET}\n", seen.files[CRICTL_FILE]
    )
    if configuration or "containerd" in seen["restarts"].lines:
        yield restart("containerd")
    yield from _unit(systems.read(seen["system"]), seen, "containerd")


def _mirror_file(registry: str) -> str:
    return f"{CERTS_FOLDER}/{registry}/hosts.toml"


def plan_kubelet(node: Node, system: System, seen: Seen) -> Iterator[LinuxChange | None]:
    """The kubelet's own address, and its unit; it restarts by itself until kubeadm has given it a configuration."""
    states = _states(system, seen)
    runs = states.get("kubelet", ("", ""))[0] == "active"
    wanted = f"KUBELET_EXTRA_ARGS=--node-ip={node.address}\n"
    path = system.places.kubelet_file
    change = file(path, wanted, seen.files[path], restart_marker=marker_of("kubelet") if runs else "")
    yield change
    if (change and runs) or "kubelet" in seen["restarts"].lines:
        yield restart("kubelet")
    if states.get("kubelet", ("", ""))[1] != "enabled":
        yield unit("kubelet", *states.get("kubelet", ("inactive", "not installed")))


def _units(time_unit: str) -> tuple[str, ...]:
    return (time_unit, "containerd", "kubelet")


def _unit(system: System, seen: Seen, name: str) -> Iterator[LinuxChange | None]:
    yield unit(name, *_states(system, seen).get(name, ("inactive", "not installed")))


def _states(system: System, seen: Seen) -> dict[str, tuple[str, str]]:
    """Unit -> its active state and its file's; systemctl show gives a block for each unit asked for, there or not, in their order."""
    blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines()) for block in seen["units"].text.split("\n\n")
    ]
    return {
        name: (block.get("ActiveState", "inactive"), block.get("UnitFileState") or "not installed")
        for name, block in zip(_units(system.places.time_unit), blocks, strict=False)
    }
