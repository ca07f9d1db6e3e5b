"""The API server of projectcalico.org/v3: its rights, its Deployment, its Service and its registration."""

from cluster_api.objects import Json
from cluster_api.versions import at_least

from tigera_operator.controllers import CONTROL_PLANE
from tigera_operator.managed import (
    Managed,
    cluster_role,
    cluster_role_binding,
    field,
    namespace,
    role_binding,
    rule,
    service_account,
    values,
    workload,
)
from tigera_operator.workload import NAMESPACE as SYSTEM

NAME, SERVICE, SECRET, PORT = "calico-apiserver", "calico-api", "calico-apiserver-certs", 5443
REGISTRATION = "/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org"


def space(version: str) -> str:
    """Say in which namespace it runs: its own at first, calico-system from 3.30 on."""
    return SYSTEM if at_least(version, "3.30.0") else NAME


def rights(version: str) -> list[Managed]:
    """Write the namespace, the account and its rights."""
    home = space(version)
    every = "get list watch create update patch delete"
    rules = [
        rule("crd.projectcalico.org", ["*"], every),
        rule("apiextensions.k8s.io", ["customresourcedefinitions"], "get list watch"),
    ]
    return [
        namespace(home),
        service_account(NAME, home),
        cluster_role(f"{NAME}-crds", rules),
        cluster_role_binding(f"{NAME}-crds", f"{NAME}-crds", NAME, home),
        cluster_role_binding(f"{NAME}-delegate-auth", "system:auth-delegator", NAME, home),
        role_binding(f"{NAME}-auth-reader", "extension-apiserver-authentication-reader", NAME, home, "kube-system"),
    ]


def deployment(image: str, version: str, replicas: int, period: int, certificate: str) -> Managed:
    """Write the Deployment; another certificate starts the pods anew."""
    home = space(version)
    labels = {"apiserver": "true"}
    container: Json = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [field("NAMESPACE", "metadata.namespace"), *values(CALICO_VERSION=version)],
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": PORT, "scheme": "HTTPS"},
            "periodSeconds": period,
            "timeoutSeconds": 10,
        },
        "volumeMounts": [{"name": SECRET, "mountPath": "/calico-apiserver-certs", "readOnly": True}],
    }
    pod = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 5,
        "tolerations": CONTROL_PLANE,
        "containers": [container],
        "volumes": [{"name": SECRET, "secret": {"secretName": SECRET, "defaultMode": 420}}],
        **(apart(home) if replicas > 1 else {}),
    }
    metadata = {
        "labels": labels | {"k8s-app": NAME},
        "annotations": {"tigera-operator.hash.operator.tigera.io/calico-apiserver-certs": certificate},
    }
    spec = {
        "replicas": replicas,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "selector": {"matchLabels": labels},
        "template": {"metadata": metadata, "spec": pod},
    }
    return workload("Deployment", NAME, home, spec)


def apart(home: str) -> Json:
    """Ask for a node, and a zone, each; where there is one alone, they share it (operator: pkg/render/common/podaffinity)."""
    terms: list[Json] = [
        {
            "weight": 1,
            "podAffinityTerm": {
                "labelSelector": {"matchLabels": {"k8s-app": NAME}},
                "namespaces": [home],
                "topologyKey": key,
            },
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return {"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}}


def secret(home: str, key: str, certificate: str) -> Managed:
    """Write the Secret with the certificate, both parts in base64."""
    item = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": home},
        "type": "Opaque",
        "data": {"tls.key": key, "tls.crt": certificate},
    }
    return Managed(f"/api/v1/namespaces/{home}/secrets/{SECRET}", item)


def service(home: str) -> Managed:
    """Write the Service that kube-apiserver calls."""
    item = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": home, "labels": {"k8s-app": NAME}},
        "spec": {
            "ports": [{"name": "apiserver", "port": 443, "protocol": "TCP", "targetPort": PORT}],
            "selector": {"apiserver": "true"},
        },
    }
    return Managed(f"/api/v1/namespaces/{home}/services/{SERVICE}", item)


def registration(home: str, authority: str) -> Managed:
    """Write the APIService; kube-apiserver trusts the authority's certificate, in base64, for this API alone."""
    item = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v3.projectcalico.org"},
        "spec": {
            "group": "projectcalico.org",
            "version": "v3",
            "groupPriorityMinimum": 1500,
            "versionPriority": 200,
            "service": {"name": SERVICE, "namespace": home},
            "caBundle": authority,
        },
    }
    return Managed(REGISTRATION, item)
