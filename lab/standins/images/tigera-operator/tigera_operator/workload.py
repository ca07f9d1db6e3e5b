"""calico-node: its rights and its DaemonSet."""

import hashlib

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

NAMESPACE = "calico-system"
NAME = "calico-node"
HEALTH_PORT = 9099
BIND_MODE_ANNOTATION = "hash.operator.tigera.io/bgp-bind-mode"
_CALICO = "crd.projectcalico.org"


def rights() -> list[Managed]:
    """Write the account and its rights.

    Secrets are not among them: as with the real one, BGP passwords need a Role of their own.
    """
    rules = [
        rule("", ["nodes", "services", "endpoints", "pods", "namespaces"], "get list watch"),
        rule("", ["nodes", "nodes/status"], "patch update"),
        rule("discovery.k8s.io", ["endpointslices"], "get list watch"),
        rule(_CALICO, ["ippools", "bgpconfigurations", "bgppeers", "bgpfilters"], "get list watch"),
        rule(_CALICO, ["felixconfigurations", "clusterinformations"], "get list watch create update patch"),
        rule(
            _CALICO,
            ["blockaffinities", "ipamblocks", "ipamhandles", "ipamconfigs"],
            "get list watch create update patch delete",
        ),
    ]
    return [
        service_account(NAME, NAMESPACE),
        cluster_role(NAME, rules),
        cluster_role_binding(NAME, NAME, NAME, NAMESPACE),
    ]


def daemon_set(
    image: str, version: str, detection: tuple[str, str], bind_mode: str, period: int, update: Json, *, bgp: bool = True
) -> Managed:
    """Write the DaemonSet: on every node, whatever its taints.

    Args:
        image: calico-node's.
        version: of Calico.
        detection: how it finds its address of IPv4 and of IPv6, as IP_AUTODETECTION_METHOD has it; empty for not at all.
        bind_mode: of BGPConfiguration; its hash stands in the template, so that a change restarts every pod in turn.
        period: of the readiness probe, in seconds.
        update: how pods are exchanged, spec.nodeUpdateStrategy of the Installation.
        bgp: whether BIRD runs; without it the backend is `vxlan`.

    """
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
        "initContainers": [_install_cni(image)],
        "containers": [_calico_node(image, version, detection, period, bgp=bgp)],
        "volumes": [_host_path(*volume) for volume in _VOLUMES],
    }
    metadata: Json = {"labels": labels | {"app.kubernetes.io/name": NAME}}
    if bind_mode:
        metadata["annotations"] = {BIND_MODE_ANNOTATION: hashlib.sha1(bind_mode.encode()).hexdigest()}  # noqa: S324  a mark
    spec = {
        "selector": {"matchLabels": labels},
        "updateStrategy": update,
        "template": {"metadata": metadata, "spec": pod},
    }
    return workload("DaemonSet", NAME, NAMESPACE, spec)


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


def _install_cni(image: str) -> Json:
    return {
        "name": "install-cni",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["install-cni"],
        "volumeMounts": _mounts("cni-bin-dir"),
    }


def _addresses(detection: tuple[str, str]) -> dict[str, str]:
    """Write what calico-node is told of its addresses; without one of IPv4 its BGP identifier is made of the name."""
    found: dict[str, str] = {"FELIX_IPV6SUPPORT": str(bool(detection[1])).lower()}
    for variable, how in zip(("IP", "IP6"), detection, strict=True):
        found |= {variable: "autodetect", f"{variable}_AUTODETECTION_METHOD": how} if how else {variable: "none"}
    return found if detection[0] else found | {"CALICO_ROUTER_ID": "hash"}


def _calico_node(image: str, version: str, detection: tuple[str, str], period: int, *, bgp: bool) -> Json:
    live = {"host": "127.0.0.1", "path": "/liveness", "port": HEALTH_PORT}
    return {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"privileged": True},
        "env": [
            field("NODENAME", "spec.nodeName"),
            field("NAMESPACE", "metadata.namespace"),
            *values(
                CALICO_VERSION=version, CALICO_NETWORKING_BACKEND="bird" if bgp else "vxlan", **_addresses(detection)
            ),
        ],
        "readinessProbe": {
            "exec": {"command": ["/usr/bin/python3", "-m", "calico_node.readiness"]},
            "periodSeconds": period,
            "timeoutSeconds": 10,
        },
        "livenessProbe": {"httpGet": live, "periodSeconds": 10, "failureThreshold": 6, "timeoutSeconds": 10},
        "volumeMounts": _mounts("cni-net-dir", "var-run-calico", "var-lib-calico", "xtables-lock"),
    }
