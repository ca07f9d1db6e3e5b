"""The certificates that a node of kubeadm's has: where each lies, who renews it, and which program reads it. Pure.

Sources: kubeadm's table of certificates (Kubernetes: "PKI certificates and requirements", "Certificate Management with kubeadm"), the
kubelet's certificate store (client-go, util/certificate), and the arguments that kubeadm gives to its static pods.
"""

from dataclasses import dataclass
from enum import Enum

from tasks.control_plane.kubeconfigs import ADMIN_CONF
from tasks.control_plane.membership import CA_CERTIFICATE, KUBELET_CONF
from tasks.control_plane.settings import ETCD_CA, ETCD_CERTIFICATE

KUBERNETES, PKI, KUBELET_PKI = "/etc/kubernetes", "/etc/kubernetes/pki", "/var/lib/kubelet/pki"
KUBELET_CLIENT = f"{KUBELET_PKI}/kubelet-client-current.pem"
KUBELET_SERVING = f"{KUBELET_PKI}/kubelet-server-current.pem"  # asked for and rotated, with serverTLSBootstrap
KUBELET_SELF_SIGNED, KUBELET_SELF_SIGNED_KEY = f"{KUBELET_PKI}/kubelet.crt", f"{KUBELET_PKI}/kubelet.key"
APISERVER_CERTIFICATE = f"{PKI}/apiserver.crt"
CA_KEYS = {CA_CERTIFICATE: f"{PKI}/ca.key", f"{PKI}/front-proxy-ca.crt": f"{PKI}/front-proxy-ca.key"}
ETCD_CA_KEYS = {f"{PKI}/etcd/ca.crt": f"{PKI}/etcd/ca.key"}  # of a stacked etcd alone
SUPER_ADMIN_CONF = f"{KUBERNETES}/super-admin.conf"  # from 1.29 on, on the first control plane
CONTROLLER_MANAGER_CONF, SCHEDULER_CONF = f"{KUBERNETES}/controller-manager.conf", f"{KUBERNETES}/scheduler.conf"
OTHER_FILES = (
    *(ETCD_CA, ETCD_CERTIFICATE),
    *(ADMIN_CONF, SUPER_ADMIN_CONF, CONTROLLER_MANAGER_CONF, SCHEDULER_CONF, KUBELET_CONF),
    *(KUBELET_CLIENT, KUBELET_SERVING, KUBELET_SELF_SIGNED),
)
BY_KUBEADM = frozenset(
    {
        *(f"{PKI}/{name}.crt" for name in ("apiserver", "apiserver-kubelet-client", "apiserver-etcd-client")),
        f"{PKI}/front-proxy-client.crt",
        *(f"{PKI}/etcd/{name}.crt" for name in ("server", "peer", "healthcheck-client")),
        *(ADMIN_CONF, SUPER_ADMIN_CONF, CONTROLLER_MANAGER_CONF, SCHEDULER_CONF),
    }
)


class Renewer(Enum):
    """Who renews a certificate."""

    KUBEADM = "kubeadm"
    KUBELET = "kubelet"
    COPY = "copy of admin.conf"
    RESTART = "kubelet's start"  # it makes a new one where there is none
    NOBODY = "by hand"


@dataclass(frozen=True)
class Component:
    """A static pod that reads certificates when it starts.

    Attributes:
        name: the pod's.
        argument: one of its process's arguments, by which it is known among all that share the machine's network, as kubeadm's static pods
            do.
        reads: the files.

    """

    name: str
    argument: str
    reads: tuple[str, ...]


# In the order in which they are stopped: an apiserver that has lost its etcd refuses what one that is gone is never asked.
COMPONENTS = (
    Component(
        "kube-apiserver",
        f"--tls-cert-file={APISERVER_CERTIFICATE}",
        (
            APISERVER_CERTIFICATE,
            *(f"{PKI}/{name}.crt" for name in ("apiserver-kubelet-client", "apiserver-etcd-client")),
            f"{PKI}/front-proxy-client.crt",
        ),
    ),
    Component("etcd", f"--cert-file={PKI}/etcd/server.crt", (f"{PKI}/etcd/server.crt", f"{PKI}/etcd/peer.crt")),
    Component("kube-controller-manager", f"--kubeconfig={CONTROLLER_MANAGER_CONF}", (CONTROLLER_MANAGER_CONF,)),
    Component("kube-scheduler", f"--kubeconfig={SCHEDULER_CONF}", (SCHEDULER_CONF,)),
    Component("kube-vip", "/kube-vip", (ADMIN_CONF,)),
)
ETCD_FILES = frozenset(next(one for one in COMPONENTS if one.name == "etcd").reads)


def renewer_of(path: str, *, self_signed: bool = False, copy: bool = False) -> Renewer:
    """Who renews the certificate of a file.

    Args:
        path: of the file.
        self_signed: nobody else has signed it.
        copy: it is a user's own kubeconfig.

    """
    if copy:
        return Renewer.COPY
    if path in BY_KUBEADM:
        return Renewer.KUBEADM
    if path in (KUBELET_CLIENT, KUBELET_SERVING):
        return Renewer.KUBELET
    return Renewer.RESTART if path == KUBELET_SELF_SIGNED and self_signed else Renewer.NOBODY
