"""calico-kube-controllers: its rights and its Deployment."""

from cluster_api.objects import Json

from tigera_operator.managed import (
    Managed,
    cluster_role,
    cluster_role_binding,
    field,
    rule,
    service_account,
    values,
    workload,
)
from tigera_operator.workload import NAMESPACE

NAME = "calico-kube-controllers"
_CALICO = "crd.projectcalico.org"
CONTROL_PLANE = [
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"},
    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
]


def rights() -> list[Managed]:
    """Write the account and its rights."""
    rules = [
        rule("", ["nodes", "pods"], "get list watch"),
        rule(_CALICO, ["ippools", "clusterinformations"], "get list watch"),
        rule(_CALICO, ["blockaffinities", "ipamblocks", "ipamhandles"], "get list watch update delete"),
        rule(
            _CALICO,
            ["kubecontrollersconfigurations", "kubecontrollersconfigurations/status"],
            "get list watch create update patch",
        ),
    ]
    return [
        service_account(NAME, NAMESPACE),
        cluster_role(NAME, rules),
        cluster_role_binding(NAME, NAME, NAME, NAMESPACE),
    ]


def deployment(image: str, version: str) -> Managed:
    """Write the Deployment: one pod, in the pod network."""
    labels = {"k8s-app": NAME}
    container: Json = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [field("NAMESPACE", "metadata.namespace"), *values(CALICO_VERSION=version)],
    }
    pod = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 5,
        "tolerations": CONTROL_PLANE,
        "containers": [container],
    }
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return workload("Deployment", NAME, NAMESPACE, spec)
