"""What runs in calico-system: the namespace, the rights of calico-node and its DaemonSet."""

from dataclasses import dataclass

from cluster_api.objects import Json

NAMESPACE = "calico-system"
NAME = "calico-node"
HEALTH_PORT = 9099
_RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Managed:
    """An object that the operator keeps as it is written here."""

    path: str
    item: Json


def namespace() -> Managed:
    """Write the namespace, with the label that lets privileged pods run where that is checked."""
    labels = {"name": NAMESPACE, "pod-security.kubernetes.io/enforce": "privileged"}
    item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    return Managed(f"/api/v1/namespaces/{NAMESPACE}", item)


def service_account() -> Managed:
    """Write the account that calico-node runs under."""
    item = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": NAMESPACE}}
    return Managed(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{NAME}", item)


def _rule(groups: str, resources: list[str], verbs: str) -> Json:
    return {"apiGroups": [groups], "resources": resources, "verbs": verbs.split()}


def cluster_role() -> Managed:
    """Write the rights. Secrets are not among them: as with the real one, BGP passwords need a Role of their own."""
    rules = [
        _rule("", ["nodes", "services", "endpoints"], "get list watch"),
        _rule("", ["nodes"], "patch"),
        _rule("", ["nodes/status"], "patch"),
        _rule("projectcalico.org", ["ippools", "bgpconfigurations", "bgppeers"], "get list watch"),
        _rule("crd.projectcalico.org", ["blockaffinities"], "get list watch create"),
    ]
    item = {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": rules}
    return Managed(f"/apis/{_RBAC}/v1/clusterroles/{NAME}", item)


def cluster_role_binding() -> Managed:
    """Give the rights to the account."""
    item = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }
    return Managed(f"/apis/{_RBAC}/v1/clusterrolebindings/{NAME}", item)


def image(default: str, registry: str) -> str:
    """Take the image from another registry where the Installation names one."""
    return f"{registry.rstrip('/')}/{default.partition('/')[2]}" if registry else default


def daemon_set(node_image: str) -> Managed:
    """Write the DaemonSet: on every node, whatever its taints."""
    labels = {"k8s-app": NAME}
    pod = {
        "hostNetwork": True,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-node-critical",
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 5,
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"effect": "NoSchedule", "operator": "Exists"},
            {"effect": "NoExecute", "operator": "Exists"},
        ],
        "initContainers": [_install_cni(node_image)],
        "containers": [_calico_node(node_image)],
        "volumes": [_host_path(*volume) for volume in _VOLUMES],
    }
    update = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
    item = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": update,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    return Managed(f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{NAME}", item)


_VOLUMES = (
    ("cni-bin-dir", "/opt/cni/bin", "DirectoryOrCreate"),
    ("cni-net-dir", "/etc/cni/net.d", "DirectoryOrCreate"),
    ("var-run-calico", "/var/run/calico", "DirectoryOrCreate"),
    ("var-lib-calico", "/var/lib/calico", "DirectoryOrCreate"),
    ("xtables-lock", "/run/xtables.lock", "FileOrCreate"),
)


def _host_path(name: str, path: str, kind: str) -> Json:
    return {"name": name, "hostPath": {"path": path, "type": kind}}


def _mounts(*names: str) -> list[Json]:
    return [{"name": name, "mountPath": path} for name, path, _ in _VOLUMES if name in names]


def _install_cni(node_image: str) -> Json:
    return {
        "name": "install-cni",
        "image": node_image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["install-cni"],
        "volumeMounts": _mounts("cni-bin-dir"),
    }


def _calico_node(node_image: str) -> Json:
    return {
        "name": NAME,
        "image": node_image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"privileged": True},
        "env": [_from_field("NODENAME", "spec.nodeName"), _from_field("NAMESPACE", "metadata.namespace")],
        "readinessProbe": _probe("readiness", period=3, failures=3),
        "livenessProbe": _probe("liveness", period=10, failures=6),
        "volumeMounts": _mounts("cni-net-dir", "var-run-calico", "var-lib-calico", "xtables-lock"),
    }


def _from_field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _probe(path: str, period: int, failures: int) -> Json:
    request = {"host": "127.0.0.1", "path": f"/{path}", "port": HEALTH_PORT}
    return {"httpGet": request, "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 8}
