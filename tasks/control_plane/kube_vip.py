"""The API's one address by kube-vip: a static pod on every control plane, which elects its holder by a Lease of the API. Pure."""

import hashlib

from kubepeer import versions
from kubepeer.intent import Intent, Node
from tasks.linux.observe import FileSeen
from tasks.linux.templates import render

POD, HOSTS_FILE = "/etc/kubernetes/manifests/kube-vip.yaml", "/etc/kube-vip/hosts"
# kube-vip 0.8 and newer, Static Pods: in its names of variables, and in asking the apiserver beside it by the name kubernetes
HOSTS = "# Written by Kubepeer: what kube-vip has as /etc/hosts. The next run restores it.\n127.0.0.1 localhost kubernetes\n"
ADMIN_CONF, SUPER_ADMIN_CONF = "/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"


def files(intent: Intent, node: Node, stands: FileSeen | None, *, cluster_stands: bool) -> dict[str, str]:
    """Path -> text, the pod's manifest last.

    From 1.29 on admin.conf has no rights until kubeadm init has bound its group to a role, and kubeadm does that by the very address that
    kube-vip brings (kubernetes #121305, kube-vip #684). So on the first control plane it begins with super-admin.conf, which nobody else
    has, and is given admin.conf as soon as the cluster stands.

    Args:
        intent: the address, its interface and image.
        node: the control plane.
        stands: the manifest as it is there.
        cluster_stands: the API knows nodes.

    """
    has_super_admin = versions.has("kubeadm", intent.software.kubernetes, "super-admin.conf")
    is_born_here = node.name == intent.control_planes[0].name and has_super_admin and not cluster_stands
    was_given_admin = stands is not None and f"path: {ADMIN_CONF}\n" in stands.content
    kubeconfig = SUPER_ADMIN_CONF if is_born_here and not was_given_admin else ADMIN_CONF
    return {HOSTS_FILE: HOSTS, POD: _manifest(intent, node, kubeconfig)}


def _manifest(intent: Intent, node: Node, kubeconfig: str) -> str:
    """The pod, with the hash of all that it is made of."""
    endpoint = intent.cluster.endpoint
    values = {
        "image": intent.software.kube_vip_image,
        "address": endpoint.address,
        "port": endpoint.port,
        "interface": node.interface,
        "prefix_length": endpoint.length_of(endpoint.address),
        "kubeconfig": kubeconfig,
        "hosts": HOSTS_FILE,
    }
    plain = render("control_plane/kube-vip.yaml.j2", configuration_hash="", **values)
    made_of = hashlib.sha256((plain + HOSTS).encode()).hexdigest()[:16]
    return render("control_plane/kube-vip.yaml.j2", configuration_hash=made_of, **values)
