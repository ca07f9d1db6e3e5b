"""The programs of the lab are this year's real ones."""

import json

import pytest

from lab.build.programs import CONTAINERD, COREDNS, CRICTL, ETCD, KUBERNETES, NEXT_PATCH
from tests.lab.devices import Kubectl
from tests.lab.laboratory import MASTERS, NODES, WORKERS, Laboratory

pytestmark = pytest.mark.lab


def test_kubernetes_is_what_it_says_on_every_node_and_in_the_api(lab: Laboratory, cluster: Kubectl) -> None:
    told = json.loads(cluster("version", "-o", "json"))
    assert told["clientVersion"]["gitVersion"] == told["serverVersion"]["gitVersion"] == f"v{KUBERNETES.version}"
    for node in cluster.get("nodes"):
        assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{KUBERNETES.version}"
    for name in NODES:
        assert lab.inside(name, "kubelet --version").split() == ["Kubernetes", f"v{KUBERNETES.version}"]
        assert lab.inside(name, "kubeadm version -o short").strip() == f"v{KUBERNETES.version}"


def test_the_mirror_has_a_patch_release_above_what_is_installed(lab: Laboratory, cluster: Kubectl) -> None:
    assert cluster
    both = {KUBERNETES.version, NEXT_PATCH.version}
    for name in (name for name in NODES if name != WORKERS[2]):
        installed, *there = lab.inside(
            name, "dpkg-query -W -f '${Version}\n' kubeadm && apt-cache madison kubeadm | cut -d '|' -f 2"
        ).split()
        assert installed.partition("-")[0] == KUBERNETES.version
        assert {version.partition("-")[0] for version in there} == both
    for image in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
        tags = json.loads(lab.inside("mirror", f"curl -sf http://127.0.0.1:5000/v2/{image}/tags/list"))["tags"]
        assert {f"v{version}" for version in both} <= set(tags)


def test_crictl_is_the_real_one(lab: Laboratory, cluster: Kubectl) -> None:
    assert cluster
    for name in NODES:
        assert lab.inside(name, "crictl --version").strip() == f"crictl version v{CRICTL.version}"
        assert "kube-proxy" in lab.inside(name, "crictl ps --name kube-proxy")


def test_etcd_and_coredns_are_the_real_ones(lab: Laboratory, cluster: Kubectl) -> None:
    said = cluster("exec", "-n", "kube-system", f"etcd-{MASTERS[0]}.tinychen.io", "--", "etcd", "--version")
    assert f"etcd Version: {ETCD.version}" in said
    pod = cluster.get("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns")[0]
    assert pod["spec"]["containers"][0]["image"].endswith(f"coredns/coredns:v{COREDNS.version}")
    said = cluster("exec", "-n", "kube-system", pod["metadata"]["name"], "--", "/coredns", "-version")
    assert said.startswith(f"CoreDNS-{COREDNS.version}\n")


def test_the_container_runtimes_of_both_debians_and_of_docker_are_met(cluster: Kubectl) -> None:
    runtimes = {
        node["metadata"]["name"].partition(".")[0]: node["status"]["nodeInfo"]["containerRuntimeVersion"]
        for node in cluster.get("nodes")
    }
    assert runtimes.pop(WORKERS[1]).startswith("containerd://1.6.")
    assert runtimes.pop(WORKERS[2]) == f"containerd://{CONTAINERD.version}"
    assert set(runtimes) == set(NODES) - set(WORKERS[1:])
    assert all(runtime.startswith("containerd://1.7.") for runtime in runtimes.values())


def test_names_of_the_cluster_and_of_the_site_are_resolved_by_coredns(cluster: Kubectl) -> None:
    ask = "for name in nginx-clusterip-service.nginx-quic.svc.cali-cluster.tclocal mirror.tinychen.io; do getent hosts $name; done"
    pod = cluster.get("pods", "-n", "nginx-quic", "-l", "app=nginx-quic")[0]["metadata"]["name"]
    answers = cluster("exec", "-n", "nginx-quic", pod, "--", "sh", "-c", ask).splitlines()
    assert len(answers) == 2
    assert answers[1].split()[0] == "10.31.0.2"
