"""Objects that the operator keeps, and the short forms in which they are written."""

from dataclasses import dataclass

from cluster_api.objects import Json

RBAC = "rbac.authorization.k8s.io"
PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged"}


@dataclass(frozen=True)
class Managed:
    """An object that the operator keeps as it is written here."""

    path: str
    item: Json


def namespace(name: str) -> Managed:
    """Write a namespace, with the label that lets privileged pods run where that is checked."""
    metadata = {"name": name, "labels": {"name": name, **PRIVILEGED}}
    return Managed(f"/api/v1/namespaces/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def service_account(name: str, space: str) -> Managed:
    """Write an account."""
    item = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": space}}
    return Managed(f"/api/v1/namespaces/{space}/serviceaccounts/{name}", item)


def rule(group: str, resources: list[str], verbs: str) -> Json:
    """Write what may be done with some kinds of one group."""
    return {"apiGroups": [group], "resources": resources, "verbs": verbs.split()}


def cluster_role(name: str, rules: list[Json]) -> Managed:
    """Write rights in the whole cluster."""
    item = {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    return Managed(f"/apis/{RBAC}/v1/clusterroles/{name}", item)


def cluster_role_binding(name: str, role: str, account: str, space: str) -> Managed:
    """Give rights in the whole cluster to an account."""
    item = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": space}],
    }
    return Managed(f"/apis/{RBAC}/v1/clusterrolebindings/{name}", item)


def role_binding(name: str, role: str, account: str, space: str, into: str) -> Managed:
    """Give the rights of a Role in the namespace `into` to an account of another."""
    item = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": into},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": space}],
    }
    return Managed(f"/apis/{RBAC}/v1/namespaces/{into}/rolebindings/{name}", item)


def workload(kind: str, name: str, space: str, spec: Json) -> Managed:
    """Write a Deployment or a DaemonSet; its pods carry the label that the real ones carry."""
    metadata = {"name": name, "namespace": space, "labels": {"k8s-app": name}}
    item = {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}
    return Managed(f"/apis/apps/v1/namespaces/{space}/{kind.lower()}s/{name}", item)


def owned(managed: Managed, owner: Json) -> Managed:
    """Tie an object to the resource that it comes from: Kubernetes deletes it when that one is deleted."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = managed.item["metadata"] | {"ownerReferences": [reference]}
    return Managed(managed.path, managed.item | {"metadata": metadata})


def field(name: str, path: str) -> Json:
    """Write a variable that says something of the pod itself."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def values(**variables: str) -> list[Json]:
    """Write variables."""
    return [{"name": name, "value": value} for name, value in variables.items()]
