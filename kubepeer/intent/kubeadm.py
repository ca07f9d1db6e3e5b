"""What people add to kubeadm: to the control plane's components, and to single nodes. The names are kubeadm's own, in snake_case.

The forms: kubeadm's API v1beta3 and v1beta4; Kubernetes' concepts "Labels and Selectors", "Taints and Tolerations".
"""

import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from kubepeer.intent.section import Section
from kubepeer.secret import SecretSource

OURS = "kubepeer.io/"  # annotations of our own

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
# What makes a member of etcd what it is: kubeadm says it for each node.
IDENTITY_OF_ETCD = ("data-dir", "initial-cluster", "initial-cluster-state", "name")


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
    return tuple(_text(one) for one in many)


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Values = Annotated[tuple[str, ...], BeforeValidator(_values)]


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


def _words(value: dict[str, Any]) -> dict[str, Any]:
    """They stand in an EnvironmentFile= of systemd.exec(5), and are split at white space."""
    for name, values in value.items():
        if any(set(one) & set(" \t\"'\\`$") for one in values):
            raise ValueError(f"{name}: the kubelet's environment file takes no white space, quotes, \\, ` or $")
    return value


def _alternative_name(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
        if not re.fullmatch(rf"(\*\.)?{label}(\.{label})*", value):
            raise ValueError("an address, a DNS name of small letters, or *. and such a name") from None
        return value


def _written(pattern: str, form: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(form)
        return value

    return AfterValidator(check)


class Patch(Section):
    """A patch of what kubeadm makes, as its own option --patches takes it."""

    type: Literal["strategic", "merge", "json"] = "strategic"
    patch: dict[str, JsonValue] | list[dict[str, JsonValue]]

    @model_validator(mode="after")
    def _of_its_form(self) -> Self:
        if isinstance(self.patch, list) is not (self.type == "json"):
            raise ValueError("a patch of type json is a list of operations (RFC 6902), any other a mapping")
        return self


class Patched(Section):
    """What kubeadm makes, and what it is patched with, in this order."""

    patches: tuple[Patch, ...] = ()


class Component(Patched):
    """A static pod of the control plane."""

    extra_args: Arguments = Field(default_factory=dict)


class Etcd(Component):
    """The etcd on the control planes."""

    @model_validator(mode="after")
    def _keeps_its_identity(self) -> Self:
        for name in IDENTITY_OF_ETCD:
            if name in self.extra_args:
                raise ValueError(f"{name} is each member's own: kubeadm says it")
        return self


class Audit(Section):
    """The apiserver's log of who did what (Kubernetes: Auditing)."""

    policy: dict[str, JsonValue]  # rules, omitStages, omitManagedFields of audit.k8s.io/v1
    log: Annotated[str, _written(r"/[^\s:]+/[^\s/:]+", "the absolute path of a file")] = (
        "/var/log/kubernetes/audit/audit.log"
    )
    max_age_days: int = Field(default=30, ge=0)
    max_backups: int = Field(default=10, ge=0)
    max_size_megabytes: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _is_a_policy(self) -> Self:
        rules = self.policy.get("rules")
        if not isinstance(rules, list) or not rules:
            raise ValueError("a policy has rules, and the first that matches counts")
        levels = ("None", "Metadata", "Request", "RequestResponse")
        for number, rule in enumerate(rules, 1):
            if not isinstance(rule, dict) or rule.get("level") not in levels:
                raise ValueError(f"the level of rule {number} is one of {', '.join(levels)}")
        return self


class Encryption(Section):
    """What the apiservers write into etcd, encrypted (Kubernetes: Encrypting Confidential Data at Rest)."""

    provider: Literal["secretbox", "aescbc", "aesgcm"] = "secretbox"
    secret: SecretSource  # the key, in base64
    resources: tuple[Literal["secrets", "configmaps"], ...] = ("secrets",)


class ExternalEtcd(Section):
    """An etcd of somebody else: where it is, and what the apiservers prove themselves with; files of the controller."""

    endpoints: tuple[
        Annotated[str, _written(r"https://[^\s/]+:\d+", "an endpoint of etcd is https://HOST:PORT")], ...
    ] = Field(min_length=1)
    ca_file: str
    certificate_file: str
    key_file: str


class Kubeadm(Section):
    """What is added to kubeadm's configuration for the whole cluster."""

    cert_sans: tuple[Annotated[str, AfterValidator(_alternative_name)], ...] = ()
    api_server: Component = Component()
    controller_manager: Component = Component()
    scheduler: Component = Component()
    etcd: Etcd = Etcd()
    core_dns: Patched = Patched()
    audit: Audit | None = None
    encryption: Encryption | None = None
    admission: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)  # plugin -> its configuration
    external_etcd: ExternalEtcd | None = None


QUALIFIED = re.compile(r"(?:(?P<prefix>[a-z0-9.-]{1,253})/)?(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)")
LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def _qualified(name: str) -> None:
    if not QUALIFIED.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of Kubernetes: [PREFIX/]NAME, NAME at most 63 letters, digits, -, _ and ."
        )
    if name.split("/", maxsplit=1)[0].endswith(OURS.rstrip("/")):
        raise ValueError(f"{name}: what ends in {OURS} is Kubepeer's own")


def _labels(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        _qualified(name)
        if not LABEL_VALUE.fullmatch(text):
            raise ValueError(f"{name}: a label's value has at most 63 letters, digits, -, _ and . (found {text!r})")
    return value


def _annotations(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        _qualified(name)
    return value


def _texts(value: object) -> object:
    return {str(name): _text(text) for name, text in value.items()} if isinstance(value, dict) else value


class Taint(Section):
    """What keeps pods away from a node that do not tolerate it."""

    key: str
    value: Annotated[str, BeforeValidator(_text)] = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        _qualified(self.key)
        if not LABEL_VALUE.fullmatch(self.value):
            raise ValueError(f"a taint's value has at most 63 letters, digits, -, _ and . (found {self.value!r})")
        return self


class NodeSettings(Section):
    """What one node has of its own; of the host and all groups that it is in: the nearest says what a name has."""

    labels: Annotated[dict[str, str], BeforeValidator(_texts), AfterValidator(_labels)] = Field(default_factory=dict)
    annotations: Annotated[dict[str, str], BeforeValidator(_texts), AfterValidator(_annotations)] = Field(
        default_factory=dict
    )
    taints: tuple[Taint, ...] = ()
    kubelet_configuration: KubeletFields = Field(default_factory=dict)
    kubelet_extra_args: Annotated[Arguments, AfterValidator(_words)] = Field(default_factory=dict)
