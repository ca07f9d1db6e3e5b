"""What a node needs before kubeadm, planned from intent and observation. Pure."""

from collections.abc import Iterator, Mapping

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Seen
from tasks.linux.state import (
    PENDING_RESTARTS,
    WAIT_FOR_LOCK,
    LinuxChange,
    action,
    clearing_marker,
    file,
    marker_of,
    present,
    restart,
    unit,
)
from tasks.linux.templates import render
from tasks.nodes import cni, firewall, hosts, kernel, swap
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

TIME_FILE = "/etc/chrony/sources.d/kubepeer.sources"  # chrony.conf of Debian reads this folder
CONTAINERD_FILE, CRICTL_FILE, KUBELET_FILE = "/etc/containerd/config.toml", "/etc/crictl.yaml", "/etc/default/kubelet"
CERTS_FOLDER = "/etc/containerd/certs.d"
SOCKET = "/run/containerd/containerd.sock"

UNITS = ("chrony", "containerd", "kubelet")


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
        # not apt-mark: it writes apt's cache, and a look must not
        "held": "dpkg-query -W -f '${Package} ${db:Status-Want}\\n' | sed -n 's/ hold$//p'",
        # one question for all: each systemctl is a process and a conversation with systemd
        "units": f"systemctl show -p ActiveState -p UnitFileState {' '.join(UNITS)} 2>/dev/null; true",
    }


def paths(intent: Intent) -> list[str]:
    """Files that the plan looks at."""
    certificates = [_mirror_file(registry) for registry in intent.registries]
    return [
        *hosts.PATHS,
        swap.FSTAB,
        *kernel.PATHS,
        TIME_FILE,
        APT_FILE,
        CONTAINERD_FILE,
        CRICTL_FILE,
        KUBELET_FILE,
        *certificates,
        *intent.packages.keyrings,
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
    return present(
        *hosts.plan(intent, seen),
        *swap.plan(intent, seen),
        *firewall.plan(intent, seen),
        *kernel.plan(intent, node, seen),
        *(file(path, text, seen.files[path]) for path, text in keyrings.items()),
        *plan_packages(intent, seen, repository),
        *plan_time(intent, seen),
        *cni.plan(intent, seen),
        *plan_runtime(intent, seen),
        *plan_kubelet(node, seen),
    )


def plan_time(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """Chrony with the inventory's servers: etcd and certificates need clocks that agree."""
    yield from _unit(seen, "chrony")
    if not intent.time_servers:
        return
    sources = "".join(f"server {server} iburst\n" for server in intent.time_servers)
    change = file(TIME_FILE, sources, seen.files[TIME_FILE], restart_marker=marker_of("chrony"))
    yield change
    if change or "chrony" in seen["restarts"].lines:
        script = clearing_marker("chrony", "chronyc -n reload sources")
        yield action("chrony sources", "reloaded", script, deadline=20)


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
    yield from _unit(seen, "containerd")


def _mirror_file(registry: str) -> str:
    return f"{CERTS_FOLDER}/{registry}/hosts.toml"


def plan_kubelet(node: Node, seen: Seen) -> Iterator[LinuxChange | None]:
    """The kubelet's own address, and its unit; it restarts by itself until kubeadm has given it a configuration."""
    states = _states(seen)
    runs = states.get("kubelet", ("", ""))[0] == "active"
    further = "".join(f" --{name}={one}" for name, values in node.settings.kubelet_extra_args.items() for one in values)
    wanted = f"KUBELET_EXTRA_ARGS=--node-ip={node.address}{further}\n"
    change = file(KUBELET_FILE, wanted, seen.files[KUBELET_FILE], restart_marker=marker_of("kubelet") if runs else "")
    yield change
    if (change and runs) or "kubelet" in seen["restarts"].lines:
        yield restart("kubelet")
    if states.get("kubelet", ("", ""))[1] != "enabled":
        yield unit("kubelet", *states.get("kubelet", ("inactive", "not installed")))


def _unit(seen: Seen, name: str) -> Iterator[LinuxChange | None]:
    yield unit(name, *_states(seen).get(name, ("inactive", "not installed")))


def _states(seen: Seen) -> dict[str, tuple[str, str]]:
    """Unit -> its active state and its file's; systemctl show gives a block for each unit asked for, there or not, in their order."""
    blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines()) for block in seen["units"].text.split("\n\n")
    ]
    return {
        name: (block.get("ActiveState", "inactive"), block.get("UnitFileState") or "not installed")
        for name, block in zip(UNITS, blocks, strict=False)
    }
