"""Everything that somebody may have altered on a prepared node, one kind a row: how, and what a plan must show of it, and nothing else.

Not here, since a container cannot show it: a kernel module that is not loaded (it is the host's), swap that is on, and, as the lab allows
swap (software.fail_swap_on: false), units that would bring it; tests/unit/nodes has their plans.
"""

from dataclasses import dataclass

from tasks.linux.state import marker_of

# Written out and not taken from the plans: a person who looks for what has drifted knows these places, and no other.
HOSTS, FSTAB, CRICTL, KUBELET = "/etc/hosts", "/etc/fstab", "/etc/crictl.yaml", "/etc/default/kubelet"
MODULES, REPOSITORIES = "/etc/modules-load.d/90-kubepeer.conf", "/etc/apt/sources.list.d/kubepeer.list"
SYSCTLS, LAST_SYSCTLS, SYSCTL_CONF = (
    "/etc/sysctl.d/90-kubepeer.conf",
    "/etc/sysctl.d/zz-kubepeer.conf",
    "/etc/sysctl.conf",
)
FOREIGN_SYSCTLS = "/etc/sysctl.d/99-zz-hardening.conf"
TIME_SERVERS = "/etc/chrony/sources.d/kubepeer.sources"
CONTAINERD, MIRROR = "/etc/containerd/config.toml", "/etc/containerd/certs.d/registry.k8s.io/hosts.toml"
HAPROXY, KEEPALIVED, CHECK = (
    "/etc/haproxy/haproxy.cfg",
    "/etc/keepalived/keepalived.conf",
    "/etc/keepalived/check_apiserver.sh",
)
HAPROXY_POD, KEEPALIVED_POD = "/etc/kubernetes/manifests/haproxy.yaml", "/etc/kubernetes/manifests/keepalived.yaml"
KUBECONFIG = "/root/.kube/config"
COMPLETION = "/usr/local/share/bash-completion/completions/kubectl"


@dataclass(frozen=True)
class Drift:
    """Something that was altered.

    Attributes:
        by: a shell script.
        shown: the subjects of the changes that a plan must have.
        control_plane: only a control plane has it.
        left: what the cure leaves of it, and is taken away by this script; a plan may show these subjects after that.
        gone: the subjects that a plan shows when `left` has been run.

    """

    by: str
    shown: frozenset[str]
    control_plane: bool = False
    left: str = ""
    gone: frozenset[str] = frozenset()


def drift(by: str, *shown: str, left: str = "", gone: str = "") -> Drift:
    """Of any node."""
    return Drift(by, frozenset(shown), left=left, gone=frozenset({gone} if gone else ()))


def endpoint(by: str, *shown: str) -> Drift:
    """Of a control plane alone."""
    return Drift(by, frozenset(shown), control_plane=True)


DRIFTS = {
    "a line of our block in hosts": drift(f"sed -i '/^10.31.90.3 /d' {HOSTS}", HOSTS),
    "the end of our block in hosts": drift(
        f"sed -i '/^# END kubepeer/d' {HOSTS}", HOSTS, left=f"sed -i '1,/^# BEGIN kubepeer/{{/^10.31.90./d}}' {HOSTS}"
    ),
    "swap in fstab": drift(
        f"echo '/swapfile none swap sw 0 0' >>{FSTAB}", FSTAB, left=f"sed -i '/swapfile none swap/d' {FSTAB}"
    ),
    "modules at boot": drift(f"rm {MODULES}", MODULES),
    "our sysctls at boot": drift(f"sed -i 's/= 1/= 0/' {SYSCTLS}", SYSCTLS),
    "a live sysctl": drift(
        "sysctl -qw net.bridge.bridge-nf-call-iptables=0", "sysctl net.bridge.bridge-nf-call-iptables"
    ),
    "a later file of sysctl.d": drift(
        f"echo 'net.ipv4.ip_forward = 0' >{FOREIGN_SYSCTLS}",
        LAST_SYSCTLS,
        left=f"rm {FOREIGN_SYSCTLS}",
        gone=LAST_SYSCTLS,
    ),
    "sysctl.conf": drift(
        f"echo 'net.ipv4.ip_forward=0' >>{SYSCTL_CONF}",
        SYSCTL_CONF,
        left=f"sed -i '$d' {SYSCTL_CONF}; [ -s {SYSCTL_CONF} ] || rm {SYSCTL_CONF}",
    ),
    "the repositories": drift(f"echo '# by hand' >>{REPOSITORIES}", REPOSITORIES),
    "a package": drift("dpkg --purge --force-depends cri-tools >/dev/null 2>&1", "packages", "package hold"),
    "a hold": drift("apt-mark unhold kubectl >/dev/null", "package hold"),
    "a unit that does not run": drift("systemctl stop chrony", "unit chrony", "clock"),
    "a unit that a boot would not start": drift("systemctl disable -q kubelet", "unit kubelet"),
    "a unit that neither runs nor would": drift("systemctl disable -q --now chrony", "unit chrony", "clock"),
    "the time servers": drift(f"echo 'server 192.0.2.1' >>{TIME_SERVERS}", TIME_SERVERS, "chrony sources", "clock"),
    "containerd's configuration": drift(f"echo '# by hand' >>{CONTAINERD}", CONTAINERD, "unit containerd restart"),
    "a command's completion": drift(f"rm {COMPLETION}", COMPLETION),
    "a registry's mirror": drift(f"rm {MIRROR}", MIRROR),
    "crictl's configuration": drift(f"echo 'debug: true' >>{CRICTL}", CRICTL),
    "a file's mode": drift(f"chmod 666 {CRICTL}", CRICTL),
    "a file's owner": drift(f"chown daemon:daemon {MIRROR}", MIRROR),
    "the kubelet's arguments": drift(
        f"sed -i 's/--node-ip/--v=4 --node-ip/' {KUBELET}", KUBELET, "unit kubelet restart"
    ),
    "a restart that is pending": drift(f"touch {marker_of('containerd')}", "unit containerd restart"),
    "haproxy's configuration": endpoint(f"sed -i 's/retries 3/retries 9/' {HAPROXY}", HAPROXY),
    "keepalived's configuration": endpoint(f"echo '! by hand' >>{KEEPALIVED}", KEEPALIVED),
    "the check of the apiserver": endpoint(f"chmod 644 {CHECK}", CHECK),
    "the pod of haproxy": endpoint(f"echo '# by hand' >>{HAPROXY_POD}", HAPROXY_POD),
    "the pod of keepalived": endpoint(f"echo '# by hand' >>{KEEPALIVED_POD}", KEEPALIVED_POD),
    "a restart of a pod that is pending": endpoint(f"touch {marker_of('haproxy')}", "container haproxy restart"),
    "root's kubeconfig": endpoint(f"rm {KUBECONFIG}", KUBECONFIG),
}
