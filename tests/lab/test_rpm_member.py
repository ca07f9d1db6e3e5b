"""The machine of rpm as a member: its packages are held, what is changed by hand is shown and cured, a boot undoes nothing."""

import pytest

from lab.build.programs import CRICTL, KUBERNETES
from lab.build.rpm_packages import KUBERNETES_RELEASE
from tests.lab.devices import Kubectl
from tests.lab.laboratory import WORKERS, Laboratory, wait_for
from tests.lab.runbooks import Runbooks

pytestmark = pytest.mark.lab
NODE = WORKERS[2]
READY_SECONDS = 120
UNITS = "chronyd containerd kubelet"
# What somebody does on the machine -> the changes that cure it.
BY_HAND = {
    "dnf -q versionlock delete kubelet": {"/etc/dnf/plugins/versionlock.list"},
    "echo '# mine' >>/etc/yum.repos.d/kubepeer.repo": {"/etc/yum.repos.d/kubepeer.repo"},
    "systemctl disable -q chronyd": {"unit chronyd"},
    "sed -i 's/^server 10.31.0.2 /server 10.31.0.3 /' /etc/chrony.conf": {
        "/etc/chrony.conf",
        "unit chronyd restart",
        "clock",
    },
    "systemctl enable -q --now firewalld": {"firewall firewalld"},
    "rpm --erase --nodeps --quiet iproute-tc": {"packages"},
    "echo KUBELET_EXTRA_ARGS= >/etc/sysconfig/kubelet": {"/etc/sysconfig/kubelet", "unit kubelet restart"},
}


@pytest.mark.usefixtures("cluster")
def test_its_packages_are_rpms_and_kubernetes_own_are_held(lab: Laboratory) -> None:
    kubernetes, crictl = (f"0:{project.version}-{KUBERNETES_RELEASE}" for project in (KUBERNETES, CRICTL))
    held = {f"{name}-{kubernetes}.*" for name in ("kubelet", "kubeadm", "kubectl")} | {f"cri-tools-{crictl}.*"}
    assert set(lab.inside(NODE, "dnf -q versionlock list").split()) == held
    names = "chrony containerd.io iproute-tc iptables-nft kubeadm kubectl kubelet kubernetes-cni"
    assert (
        lab.inside(NODE, f"rpm -q --quiet {names} && rpm -V {names} | grep /usr/; true") == ""
    )  # not one program, not one unit
    assert lab.inside(NODE, f"systemctl is-enabled {UNITS} && systemctl is-active {UNITS}").split() == [
        *["enabled"] * 3,
        *["active"] * 3,
    ]


@pytest.mark.usefixtures("cluster")
def test_what_is_changed_by_hand_is_shown_and_nothing_else_and_a_run_cures_it(
    lab: Laboratory, runbooks: Runbooks
) -> None:
    for command in BY_HAND:
        lab.inside(NODE, command)
    expected = {(NODE, what) for cures in BY_HAND.values() for what in cures}
    assert set(runbooks.drift("--output", "json").ended(1).changes) == expected
    answer = runbooks.deploy("--host", NODE, "--output", "json").ended(0)
    assert set(answer.changes) == expected
    assert runbooks.drift("--output", "json").ended(0).changes == {}


def test_a_boot_undoes_nothing(lab: Laboratory, cluster: Kubectl, runbooks: Runbooks) -> None:
    lab.must("cut", NODE)
    lab.must("up", NODE)
    active = f"systemctl is-active {UNITS}"
    wait_for(
        f"{NODE}: {UNITS} are up again",
        lambda: lab.try_inside(NODE, active).stdout.split() == ["active"] * 3,
        READY_SECONDS,
    )
    assert lab.inside(NODE, "systemctl is-active firewalld; true").strip() == "inactive"
    wait_for(f"{NODE} is ready", lambda: NODE in cluster.ready(), READY_SECONDS)
    # both pods of Calico's API server may have been there: the first node that is ready in a new cluster gets them
    wait_for("Calico's API answers again", lambda: cluster.get("bgppeers.projectcalico.org"), READY_SECONDS)
    assert runbooks.drift("--output", "json").ended(0).changes == {}
    runbooks.verify("--wait", str(READY_SECONDS)).ended(0)
