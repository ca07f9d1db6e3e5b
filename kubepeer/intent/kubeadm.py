"""What people add to the control plane's components. Names and forms: kubeadm's API v1beta3 and v1beta4, in snake_case."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from kubepeer.intent.arguments import Arguments
from kubepeer.intent.section import Section
from kubepeer.intent.values import written
from kubepeer.secret import SecretSource

# What makes a member of etcd what it is: kubeadm says it for each node.
IDENTITY_OF_ETCD = ("data-dir", "initial-cluster", "initial-cluster-state", "name")


def _alternative_name(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
        if not re.fullmatch(rf"(\*\.)?{label}(\.{label})*", value):
            raise ValueError("an address, a DNS name of small letters, or *. and such a name") from None
        return value


class Patch(Section):
    """A patch of what kubeadm makes, as its own option --patches takes it.

    Attributes:
        type: `strategic` and `merge` patch with a mapping, `json` with a list of operations (RFC 6902).
        patch: what is laid over.

    """

    type: Literal["strategic", "merge", "json"] = "strategic"
    patch: dict[str, JsonValue] | list[dict[str, JsonValue]]

    @model_validator(mode="after")
    def _of_its_form(self) -> Self:
        if isinstance(self.patch, list) is not (self.type == "json"):
            raise ValueError("a patch of type json is a list of operations (RFC 6902), any other a mapping")
        return self


class Patched(Section):
    """What kubeadm makes, and what it is patched with, in this order.

    Attributes:
        patches: in this order, as kubeadm's --patches has them.

    """

    patches: tuple[Patch, ...] = ()


class Component(Patched):
    """A static pod of the control plane.

    Attributes:
        extra_args: argument without hyphens -> value, or a list of values (Kubernetes from 1.31 on).

    """

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
    """The apiserver's log of who did what (Kubernetes: Auditing).

    Attributes:
        policy: rules, omitStages, omitManagedFields of audit.k8s.io/v1; the first rule that matches counts.
        log: the file, in a folder of its own.
        max_age_days: that a file is kept.
        max_backups: how many files are kept.
        max_size_megabytes: of a file, before another is begun.

    """

    policy: dict[str, JsonValue]
    log: Annotated[str, written(r"/[^\s:]+/[^\s/:]+", "the absolute path of a file")] = (
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
    """What the apiservers write into etcd, encrypted (Kubernetes: Encrypting Confidential Data at Rest).

    Attributes:
        provider: with which new objects are written.
        secret: source of a key of 32 bytes, in base64.
        resources: what is encrypted.

    """

    provider: Literal["secretbox", "aescbc", "aesgcm"] = "secretbox"
    secret: SecretSource
    resources: tuple[Literal["secrets", "configmaps"], ...] = ("secrets",)


class ExternalEtcd(Section):
    """An etcd of somebody else: where it is, and what the apiservers prove themselves with; files of the controller.

    Attributes:
        endpoints: https://HOST:PORT of each member.
        ca_file: on the controller: of the CA of its certificates.
        certificate_file: on the controller: that the apiservers show.
        key_file: on the controller: of that certificate.

    """

    endpoints: tuple[
        Annotated[str, written(r"https://[^\s/]+:\d+", "an endpoint of etcd is https://HOST:PORT")], ...
    ] = Field(min_length=1)
    ca_file: str
    certificate_file: str
    key_file: str


class Kubeadm(Section):
    """What is added to kubeadm's configuration for the whole cluster.

    Attributes:
        cert_sans: further names and addresses in the apiservers' certificates.
        api_server: of the apiservers.
        controller_manager: of the controller managers.
        scheduler: of the schedulers.
        etcd: of the members of etcd on the control planes.
        core_dns: of CoreDNS's Deployment (Kubernetes from 1.31 on).
        audit: the apiservers' log; none where it is not said.
        encryption: of what the apiservers write into etcd; not encrypted where it is not said.
        admission: plugin -> its configuration, as in AdmissionConfiguration.
        external_etcd: in the place of the one on the control planes.

    """

    cert_sans: tuple[Annotated[str, AfterValidator(_alternative_name)], ...] = ()
    api_server: Component = Component()
    controller_manager: Component = Component()
    scheduler: Component = Component()
    etcd: Etcd = Etcd()
    core_dns: Patched = Patched()
    audit: Audit | None = None
    encryption: Encryption | None = None
    admission: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    external_etcd: ExternalEtcd | None = None

    @property
    def stacked_etcd(self) -> bool:
        """Whether etcd runs on the control planes, as kubeadm starts it, and is nobody else's."""
        return self.external_etcd is None
