"""Arguments of Kubernetes' programs and fields of the kubelet's configuration; what has a key of its own is refused."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

# Of KubeletConfiguration, and where the inventory says it.
KUBELET_FIELDS_WITH_KEYS = {
    "cgroupDriver": "software.cgroup_driver",
    "failSwapOn": "software.fail_swap_on",
    "failCgroupV1": "software.allow_cgroup_v1",
    "registerWithTaints": "taints of the host or its group",
}
# Arguments that have a key of their own, or that kubeadm takes from elsewhere in the inventory.
ARGUMENTS_WITH_KEYS = {
    "admission-control-config-file": "kubeadm.admission",
    "audit-log-maxage": "kubeadm.audit.max_age_days",
    "audit-log-maxbackup": "kubeadm.audit.max_backups",
    "audit-log-maxsize": "kubeadm.audit.max_size_megabytes",
    "audit-log-path": "kubeadm.audit.log",
    "audit-policy-file": "kubeadm.audit.policy",
    "cluster-cidr": "cluster.networks.pods",
    "cluster-name": "cluster.name",
    "encryption-provider-config": "kubeadm.encryption",
    "etcd-servers": "kubeadm.external_etcd.endpoints",
    "node-ip": "data.address of the host",
    "node-labels": "labels of the host or its group",
    "register-with-taints": "taints of the host or its group",
    "service-cluster-ip-range": "cluster.networks.services",
}


def _fields_of_kubelet(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for field, key in KUBELET_FIELDS_WITH_KEYS.items():
        if field in value:
            raise ValueError(f"{field} has a key of its own: {key}")
    for field in ("apiVersion", "kind"):
        if field in value:
            raise ValueError(f"{field} is kubeadm's to say")
    return value


KubeletFields = Annotated[dict[str, JsonValue], AfterValidator(_fields_of_kubelet)]


def _values(value: object) -> object:
    """What stands behind an argument's name, as kubeadm passes it on: texts. YAML's own numbers and booleans are taken, too."""
    many = value if isinstance(value, list | tuple) else [value]
    if not many:
        raise ValueError("a list of values has at least one")
    return tuple(text_of(one) for one in many)


def text_of(value: object) -> object:
    """A scalar of YAML as Kubernetes reads it: a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Scalar = str | int | float | bool  # as YAML has it
Values = Annotated[
    tuple[str, ...],
    BeforeValidator(_values, json_schema_input_type=Scalar | Annotated[list[Scalar], Field(min_length=1)]),
]


def _arguments(value: dict[str, Any]) -> dict[str, Any]:
    for name, values in value.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise ValueError(f"an argument is named without its hyphens, as in profiling (found {name!r})")
        if name in ARGUMENTS_WITH_KEYS:
            raise ValueError(f"{name} has a key of its own: {ARGUMENTS_WITH_KEYS[name]}")
        if any(not one.isprintable() for one in values):
            raise ValueError(f"{name} is not one line of printable signs")
    return value


Arguments = Annotated[dict[str, Values], AfterValidator(_arguments)]


def words(value: dict[str, Any]) -> dict[str, Any]:
    """The kubelet's arguments: they stand in an EnvironmentFile= of systemd.exec(5), and are split at white space."""
    for name, values in value.items():
        if any(set(one) & set(" \t\"'\\`$") for one in values):
            raise ValueError(f"{name}: the kubelet's environment file takes no white space, quotes, \\, ` or $")
    return value
