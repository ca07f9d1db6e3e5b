"""Kubernetes' packages, the container runtime and the programs from archives, taken away on request; and folders that nothing is in. Pure.

Nobody has written down whether a package was there before: that is why it must be asked for. What they depend on, and what others may use
by now (iptables, conntrack, chrony, socat), stays.
"""

import shlex
from collections.abc import Iterator

from tasks.control_plane.containers import SOCKET
from tasks.linux.observe import Seen
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange
from tasks.nodes import archives
from tasks.nodes.managers.apt import APT_LOG
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.nodes.packages import OURS, RUNTIMES
from tasks.nodes.systems import by_family
from tasks.reset.teardown import CTR, KNOWS, NAMESPACE, UNCOUNTED

KUBERNETES = (*OURS, "kubernetes-cni")  # the last one comes with the kubelet's
RUNTIME = (*RUNTIMES, "runc")
CONTAINERD, CONTAINERD_DATA = (
    "containerd",
    ("/var/lib/containerd", "/opt/containerd", "/etc/containerd", "/run/containerd"),
)
NOBODYS = "without a containerd"
# What Calico's install-cni brings to the folder, where no package has it (calico: cni-plugin/Dockerfile); and the driver of its volumes
PLUGINS = ("bandwidth", "flannel", "host-local", "install", "loopback", "portmap", "tuning")
VOLUME_DRIVER = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/nodeagent~uds"
# A folder that is a disk of its own is the machine's, and stays, empty.
OWNED = """mounted() { grep -q " $1 " /proc/mounts; }
owned() { mounted "$1" || dpkg -S "$1" >/dev/null 2>&1 || rpm -qf "$1" >/dev/null 2>&1; }
"""
LIST_PLUGINS = (
    OWNED
    + f"""for f in {" ".join(f"/opt/cni/bin/{name}" for name in PLUGINS)} {VOLUME_DRIVER}; do
    [ ! -e "$f" ] || owned "$f" || echo "$f"
done; true"""
)
LIST_IMAGES = f"! command -v ctr >/dev/null || {CTR} images ls -q 2>/dev/null; true"
# names, digests and numbers of the same image are images each; the last one takes its layers with it
TAKE_IMAGES = f"{CTR} images ls -q | xargs -r {CTR} images rm --sync >/dev/null"
LIST_PACKAGES = by_family(
    apt=f"dpkg-query -W -f '${{Package}} ${{db:Status-Status}}\\n' {' '.join((*KUBERNETES, *RUNTIME))} 2>/dev/null"
    " | grep -v ' not-installed$'; true",
    rpm=f"rpm -q --qf '%{{NAME}} installed\\n' {' '.join((*KUBERNETES, *RUNTIME))} 2>/dev/null | grep '^[^ ]* installed$'; true",
)
# Who else lives by the runtime: other namespaces of containerd's (Docker's is moby), packages that depend on it.
_OURS = "|".join((*KUBERNETES, *RUNTIME))
_APT_DEPENDS = f"""n=$(dpkg-query -W -f '${{Package}} ${{db:Status-Status}}\n' {" ".join(RUNTIME)} 2>/dev/null | sed -n 's/ installed$//p')
[ -z "$n" ] || LC_ALL=C apt-get -s purge $n 2>/dev/null | sed -n 's/^\\(Purg\\|Remv\\) \\([^ ]*\\).*/\\2/p' | grep -vxE '{_OURS}' \
    | sed 's/^/package /'; true"""
_RPM_DEPENDS = f"""n=$(rpm -q --qf '%{{NAME}} installed\n' {" ".join(RUNTIME)} 2>/dev/null | sed -n 's/^\\([^ ]*\\) installed$/\\1/p')
[ -z "$n" ] || LC_ALL=C rpm -e --test $n 2>&1 | sed -n 's/.*needed by (installed) /package /p'; true"""
OTHER_USERS = f"""if ! command -v ctr >/dev/null; then :
elif found=$(ctr --address {SOCKET} namespaces ls -q 2>/dev/null); then
    printf '%s\\n' "$found" | grep -v '^$' | grep -vxF {NAMESPACE} | sed 's/^/namespace /'
elif {KNOWS}; then echo "namespaces that cannot be asked for ({UNCOUNTED})"
fi
""" + by_family(apt=_APT_DEPENDS, rpm=_RPM_DEPENDS)
# One transaction that takes nothing else with it, or none.
REMOVE = by_family(
    apt="export DEBIAN_FRONTEND=noninteractive LC_ALL=C; apt-get -q -y -o DPkg::Lock::Timeout=120 -o APT::Get::AutomaticRemove=false"
    " --allow-change-held-packages purge {names} >{log} 2>&1 || {{ grep -m1 '^E:' {log} >&2; exit 100; }}; rm -f {log}",
    rpm="rpm -e {names}",
)
SIMULATE = by_family(
    apt="LC_ALL=C apt-get -s --allow-change-held-packages purge {names} 2>/dev/null | sed -n 's/^\\(Purg\\|Remv\\) \\([^ ]*\\).*/\\2/p'"
    " | grep -vxE '{pattern}'",
    rpm="false",
)
PROGRAMS = {
    "containerd": (
        "containerd",
        "containerd-shim",
        "containerd-shim-runc-v1",
        "containerd-shim-runc-v2",
        "containerd-stress",
        "ctr",
    ),
    "runc": ("runc",),
    "crictl": ("crictl",),
}
LIST_DATA = (
    OWNED
    + f"""for d in {" ".join(CONTAINERD_DATA)}; do
    [ ! -d "$d" ] || {{ mounted "$d" && [ -z "$(ls -A "$d")" ]; }} || echo "$d"
done
command -v containerd >/dev/null || echo {NOBODYS}"""
)
# what a container's end has left mounted below
TAKE_DATA = (
    OWNED
    + f"""awk '$2 ~ "^/(run|var/lib)/containerd/" {{ print $2 }}' /proc/mounts | sort -r | while read -r m; do umount -- "$m"; done
for d in {" ".join(CONTAINERD_DATA)}; do
    [ -d "$d" ] || continue
    find "$d" -xdev -mindepth 1 -delete || exit 1
    mounted "$d" || rmdir -- "$d" || exit 1
done"""
)
LIST_ARCHIVES = f"ls {archives.NOTES} 2>/dev/null | grep -vx calicoctl; true"
# Empty ones that no package has: kubeadm, the kubelet, Calico and we have made them.
FOLDERS = (
    *("/etc/kubernetes", "/etc/containerd", "/etc/haproxy", "/etc/keepalived", "/etc/cni", "/opt/cni", "/var/lib/cni"),
    *(
        "/var/lib/kubelet",
        "/var/lib/etcd",
        "/var/lib/calico",
        "/var/lib/kubepeer",
        "/usr/libexec/kubernetes",
        "/root/.kube",
    ),
    *(
        "/usr/local/share/bash-completion",
        "/etc/systemd/system/containerd.service.d",
        "/etc/systemd/system/kubelet.service.d",
        "/usr/lib/systemd/system/kubelet.service.d",  # rpm leaves it
    ),
)
LIST_FOLDERS = (
    OWNED
    + f"""find $(ls -d {" ".join(FOLDERS)} 2>/dev/null) /dev/null -xdev -depth -type d -empty 2>/dev/null | while read -r d; do
    owned "$d" || echo "$d"
done; true"""
)
TAKE_FOLDERS = (
    OWNED
    + f"""for n in 1 2 3 4 5 6 7 8; do
    find $(ls -d {" ".join(FOLDERS)} 2>/dev/null) /dev/null -xdev -depth -type d -empty 2>/dev/null | while read -r d; do
        owned "$d" || rmdir -- "$d"
    done
done"""
)
QUESTIONS = {
    "plugins": LIST_PLUGINS,
    "images": LIST_IMAGES,
    "packages": LIST_PACKAGES,
    "archives": LIST_ARCHIVES,
    "data": LIST_DATA,
    "folders": LIST_FOLDERS,
}


def questions(*, packages: bool) -> dict[str, str]:
    """Read-only; who else uses the runtime is asked only where it is to go, since it costs a look at every package."""
    return {**QUESTIONS, "other users": OTHER_USERS if packages else "true"}


def users_of_the_runtime(seen: Seen) -> list[str]:
    """Who else lives by the runtime; where somebody does it stays."""
    return list(dict.fromkeys(seen["other users"].lines))


def plan(seen: Seen, *, packages: bool) -> Iterator[LinuxChange]:
    """Images, plugins and, where it is asked for, packages and programs.

    Args:
        seen: the answers to questions().
        packages: whether they go.

    """
    if images := seen["images"].lines:
        yield _gone("images", [f"{len(images)} names in {NAMESPACE}"], TAKE_IMAGES)
    if plugins := seen["plugins"].lines:
        yield _gone("files of Calico", plugins, f"rm -rf -- {' '.join(map(shlex.quote, plugins))}")
    if not packages:
        return
    stay = RUNTIME if users_of_the_runtime(seen) else ()
    found = [line.split()[0] for line in seen["packages"].lines]
    if names := [name for name in found if name not in stay]:
        yield _gone("packages", names, _removal(names), INSTALL_SECONDS)
    archived = [name for name in seen["archives"].lines if not (stay and name in (CONTAINERD, "runc"))]
    if archived:
        yield _gone("programs from archives", archived, _programs(archived))
    leaves = CONTAINERD in archived or any(name in RUNTIMES for name in names)
    data = [line for line in seen["data"].lines if line != NOBODYS]
    if data and (leaves or NOBODYS in seen["data"].lines):
        yield _gone("containerd's data", data, TAKE_DATA)


def plan_folders(seen: Seen) -> Iterator[LinuxChange]:
    """What is empty by now, and nobody's."""
    if folders := seen["folders"].lines:
        yield _gone("empty folders", folders, TAKE_FOLDERS)


def _removal(names: list[str]) -> str:
    values = {"names": " ".join(names), "pattern": "|".join(names), "log": APT_LOG}
    return f"""{UNDER_LOCK}others=$({SIMULATE.format(**values)})
[ -z "$others" ] || {{ echo "with them would go:" $others "(nothing was removed)" >&2; exit 100; }}
{REMOVE.format(**values)}"""


def _programs(names: list[str]) -> str:
    """The programs of an archive by their names; of the CNI plugins all that no package has."""
    lines = [f"systemctl disable --now {CONTAINERD} 2>/dev/null"] if CONTAINERD in names else []
    for name in names:
        folder = archives.PLACES[name].folder if name in archives.PLACES else ""
        lines += [f"rm -f -- {folder}/{program}" for program in PROGRAMS.get(name, ())]
        if name == CONTAINERD:  # a run that was cut off before can start it, and count what it knows
            lines.append(f"rm -f -- {archives.UNIT_FILE}; systemctl daemon-reload")
        if name == "cni_plugins":
            lines.append(f'{OWNED}for f in {folder}/*; do [ ! -f "$f" ] || owned "$f" || rm -f -- "$f"; done')
        lines.append(f"rm -f -- {archives.NOTES}/{name}")
    return "\n".join(lines)


def _gone(what: str, found: list[str], script: str, deadline: float = 120) -> LinuxChange:
    return LinuxChange(what, "\n".join(found), None, steps=(Execute(what, script, deadline),))
