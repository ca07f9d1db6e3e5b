"""What is added to kubeadm, and cannot be meant together, or not with the version. Pure."""

from collections.abc import Iterator

from kubepeer import versions
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent

COMPONENTS = ("api_server", "controller_manager", "scheduler", "etcd")


def contradictions(intent: Intent) -> Iterator[Contradiction]:
    """Every contradiction of the section kubeadm with itself, the versions, and the nodes."""
    yield from _forms(intent)
    yield from _probes(intent)
    yield from _external_etcd(intent)
    yield from _audit(intent)
    yield from _taints(intent)


def _forms(intent: Intent) -> Iterator[Contradiction]:
    kubernetes = intent.software.kubernetes
    if not versions.has("kubeadm", kubernetes, "v1beta4"):
        first = versions.since("kubeadm", "v1beta4")
        for name in COMPONENTS:
            for argument, values in getattr(intent.kubeadm, name).extra_args.items():
                if len(values) > 1:
                    yield Contradiction(
                        f"kubeadm of {kubernetes} takes one value an argument (several from {first} on)",
                        key=f"kubeadm.{name}.extra_args.{argument}",
                        cure="values behind commas, where the component takes them so",
                    )
    if intent.kubeadm.core_dns.patches and not versions.has("kubeadm", kubernetes, "patch corednsdeployment"):
        first = versions.since("kubeadm", "patch corednsdeployment")
        yield Contradiction(
            f"kubeadm of {kubernetes} does not patch CoreDNS (from {first} on)",
            key="kubeadm.core_dns.patches",
            cure=f"Kubernetes from {first} on",
        )


def _probes(intent: Intent) -> Iterator[Contradiction]:
    """Who has no name yet asks for the apiserver's health: haproxy, the kubelet's own probes, and whoever waits for it.

    Kubernetes: "Authenticating", Anonymous requests: without them /readyz and /livez answer 401.
    """
    if intent.kubeadm.api_server.extra_args.get("anonymous-auth", ("true",))[-1] != "true":
        yield Contradiction(
            "without anonymous requests nobody sees whether an apiserver is well, and the endpoint leads to none",
            key="kubeadm.api_server.extra_args.anonymous-auth",
            cure="authentication-config, whose anonymous.conditions allow /livez, /readyz, /healthz and, for kubeadm join, "
            "/api/v1/namespaces/kube-public/configmaps/cluster-info",
        )


def _external_etcd(intent: Intent) -> Iterator[Contradiction]:
    etcd = intent.kubeadm.etcd
    if intent.kubeadm.external_etcd is not None and (etcd.extra_args or etcd.patches):
        yield Contradiction(
            "is of the etcd on the control planes, and kubeadm.external_etcd names another",
            key="kubeadm.etcd",
            cure="one of the two",
        )


def _audit(intent: Intent) -> Iterator[Contradiction]:
    """The apiserver gets the log's whole folder to write into."""
    audit = intent.kubeadm.audit
    if audit is None:
        return
    folder = audit.log.rpartition("/")[0]
    if folder.count("/") < 2 or folder.startswith(("/etc", "/var/lib/etcd", "/proc", "/sys")):  # noqa: PLR2004
        yield Contradiction(
            f"the apiserver would write into {folder}",
            key="kubeadm.audit.log",
            cure="a folder of its own, as /var/log/kubernetes/audit/audit.log",
        )


def _taints(intent: Intent) -> Iterator[Contradiction]:
    for node in intent.nodes:
        seen = [(taint.key, taint.effect) for taint in node.settings.taints]
        for key, effect in sorted({one for one in seen if seen.count(one) > 1}):
            yield Contradiction(f"{key} with {effect} stands there twice", host=node.name, key="taints")
