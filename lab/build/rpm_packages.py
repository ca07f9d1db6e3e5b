"""The packages of the lab's rpm repositories, with the names, files and dependencies of the public ones.

Kubernetes' are in kubernetes/release, cmd/krel/templates/latest (as in lab/build/kubernetes_packages.py); containerd.io in
docker/containerd-packaging, rpm/containerd.spec; what Rocky's hold is in CentOS' dist-git (c9s). The programs are those of the lab's
other packages, and Debian's.
"""

from collections.abc import Iterable
from dataclasses import replace

from lab.build import programs
from lab.build.kubernetes_packages import NEXT_PATCH_PACKAGES, PACKAGES, Package
from lab.build.programs import CONTAINERD
from lab.build.repository import of_minor
from lab.build.rpm import Rpm

KUBERNETES_RELEASE = "150500.1.1"  # of a package's first build there: of SUSE's build service, for openSUSE 15.5
_DETAILS = {
    "kubelet": Rpm(
        "", "",
        tags=(("Requires", "kubernetes-cni >= 1.2.0"), ("Requires", "util-linux"), ("Recommends", "iptables >= 1.8.4")),
        trees=(("packaging/kubelet/usr", "usr"), ("packaging-rpm/kubelet", ".")),
        folders={"etc/kubernetes": "", "etc/kubernetes/manifests": "", "var/lib/kubelet": ""},
        configuration=("/etc/sysconfig/kubelet",), modes={"usr/lib/systemd/system/kubelet.service": 0o600}, unit="kubelet.service",
    ),
    "kubeadm": Rpm("", "", trees=(("packaging-rpm/kubeadm", "."),)),
    "kubernetes-cni": Rpm("", "", folders={"etc/cni": "", "etc/cni/net.d": ""}),
}  # fmt: skip


def rpms_of(packages: Iterable[Package]) -> tuple[Rpm, ...]:
    """The rpms of Debian packages of Kubernetes."""
    return tuple(
        replace(
            _DETAILS.get(package.name, Rpm("", "")),
            name=package.name, summary=package.description, version=package.project.version, release=KUBERNETES_RELEASE,
            project=package.project, programs=package.programs, folder=package.folder,
        )
        for package in packages
    )  # fmt: skip


KUBERNETES = rpms_of((*PACKAGES, *NEXT_PATCH_PACKAGES))
DOCKER = (
    Rpm(
        "containerd.io", "An industry-standard container runtime", CONTAINERD.version,
        tags=(
            ("Requires", "container-selinux >= 2:2.74"), ("Requires", "libseccomp"),
            *((tag, name) for tag in ("Provides", "Conflicts", "Obsoletes") for name in ("containerd", "runc")),
        ),
        project=CONTAINERD, trees=(("packaging/containerd.io", "."),), of_debian="runc",
        configuration=("/etc/containerd/config.toml",), unit="containerd.service",
    ),
)  # fmt: skip
_CHRONY_USER = """getent group chrony >/dev/null || groupadd --system chrony
getent passwd chrony >/dev/null || useradd --system --gid chrony --home-dir /var/lib/chrony --shell /usr/sbin/nologin chrony"""
_NFT_COMMANDS = tuple(f"{family}{what}" for family in ("iptables", "ip6tables", "ebtables", "arptables")
                      for what in ("", "-save", "-restore"))  # fmt: skip
_LOCKS = "etc/dnf/plugins/versionlock"
ROCKY = (
    Rpm(
        "chrony", "An NTP client/server", trees=(("packaging-rpm/chrony", "."),), of_debian="chrony",
        chosen=("usr/bin/chronyc", "usr/sbin/chronyd"),
        folders={"var/lib/chrony": "chrony", "var/log/chrony": "chrony"},
        configuration=("/etc/chrony.conf", "/etc/chrony.keys", "/etc/sysconfig/chronyd"), modes={"etc/chrony.keys": 0o640},
        unit="chronyd.service", before=_CHRONY_USER,
    ),
    Rpm(
        "conntrack-tools", "Manipulate netfilter connection tracking table and run High Availability",
        tags=(("Provides", "conntrack = %{version}-%{release}"),), of_debian="conntrack",
    ),
    Rpm(
        "iptables-nft", "nftables compatibility for iptables, arptables and ebtables",
        tags=tuple(("Provides", f"{name} = %{{version}}-%{{release}}") for name in ("iptables", "arptables", "ebtables")),
        of_debian="iptables", chosen=("usr/sbin/*nft*", "usr/bin/iptables-xml", "usr/lib/*/xtables"),
        links={f"usr/sbin/{name}": "xtables-nft-multi" for name in _NFT_COMMANDS},
    ),
    Rpm("iproute-tc", "Linux Traffic Control utility", tags=(("Requires", "iproute"),), of_debian="iproute2", chosen=("usr/sbin/tc",)),
    Rpm("ipset", "Manage Linux IP sets", of_debian="ipset"),
    Rpm("ipvsadm", "Utility to administer the Linux Virtual Server", of_debian="ipvsadm"),
    Rpm("socat", "Bidirectional data relay between two data channels ('netcat++')", of_debian="socat"),
    Rpm("ethtool", "Settings tool for Ethernet NICs", of_debian="ethtool"),
    Rpm(
        "bash-completion", "Programmable completion for Bash", of_debian="bash-completion", tags=(("BuildArch", "noarch"),),
        chosen=("usr/share/bash-completion", "etc/profile.d/bash_completion.sh"),
    ),
    # The policy is what such a package is for. The lab's kernel has no SELinux, and this one is empty.
    Rpm("container-selinux", "SELinux policies for container runtimes, without a policy", "2.235.0",
        tags=(("Epoch", "4"), ("BuildArch", "noarch"))),
    Rpm(
        "python3-dnf-plugin-versionlock", "Version Lock Plugin for DNF", of_debian="dnf-plugins-core",
        tags=(("BuildArch", "noarch"), ("Requires", "dnf-plugins-core"), ("Provides", "dnf-plugin-versionlock = %{version}-%{release}"),
              ("Provides", "dnf-command(versionlock)")),
        chosen=("usr/lib/python3/dist-packages/dnf-plugins/versionlock.py", f"{_LOCKS}.conf", f"{_LOCKS}.list"),
        configuration=(f"/{_LOCKS}.conf", f"/{_LOCKS}.list"),
    ),
)  # fmt: skip
# A repository's place on the mirror -> its packages.
REPOSITORIES = {of_minor(programs.KUBERNETES.version, "rpm"): KUBERNETES, "el9/docker": DOCKER, "el9/rocky": ROCKY}
