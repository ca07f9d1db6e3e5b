"""The tutorial's files, and those that Kubepeer renders in their place with inventory/seed.yaml, by the code that renders them in a run."""

import functools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kubepeer.intent import Intent
from tasks.cluster import bgp_objects, objects
from tasks.cluster.balancers import provided
from tasks.control_plane import endpoint
from tasks.control_plane.join_secrets import JoinSecrets
from tasks.control_plane.kubeadm import init_configuration
from tasks.control_plane.vrrp import new_password
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import LinuxChange, Write
from tasks.nodes import clock, hosts, kernel, plan, runtime, sysctls
from tasks.nodes.given import Given
from tasks.nodes.repository import Repository
from tests.render.seed import forms
from tests.render.seed.comparison import HOME

FILES = HOME / "files"


class Subject(NamedTuple):
    """A file of the tutorial, or several that Kubepeer has made one.

    Attributes:
        section: of the tutorial.
        place: where ours is on a node; kubeadm's has none that stays.
        form: how it is read.
        names: of the tutorial's files, in the folder files.
        kind: of several documents the one that is compared; "" for all.

    """

    section: str
    place: str
    form: Callable[[str], dict[str, Any]]
    names: tuple[str, ...]
    kind: str = ""


MODULES = ("modules-k8s.conf", "modules-ipvs.conf", "modules-containerd.conf")
SYSCTLS = ("sysctl-k8s.conf", "sysctl-99-kubernetes-cri.conf")
MASTERS = {f"keepalived-{number}.conf": number - 1 for number in (1, 2, 3)}
KUBEADM = "kubeadm init --config"

CALICO, BGP, PEERS = (
    "templates/cluster/calico.yaml.j2",
    "templates/cluster/bgp.yaml.j2",
    "templates/cluster/bgp.yaml.j2 (BGPPeer)",
)
POOL, WORKLOAD = "templates/cluster/load_balancer.yaml.j2", "templates/cluster/workload.yaml.j2"
# What the API is given, and from where.
OBJECTS: Mapping[str, Callable[[Intent], list[dict[str, Any]]]] = {
    CALICO: objects.calico,
    BGP: lambda intent: [one for one in bgp_objects.bgp(intent, None) if one["kind"] != "BGPPeer"],
    PEERS: lambda intent: [one for one in bgp_objects.bgp(intent, None) if one["kind"] == "BGPPeer"],
    POOL: lambda intent: provided.of(intent).objects(intent, None),
    WORKLOAD: objects.workload,
}

SUBJECTS = {
    "hosts": Subject("1.4", hosts.HOSTS, forms.first_word, ("hosts",)),
    "chrony.conf": Subject("1.6", clock.CHRONY_FILE, forms.first_word, ("chrony.conf",)),
    "modules": Subject("1.9, 1.10, 2.1", kernel.MODULES_FILE, forms.first_word, MODULES),
    "sysctl": Subject("1.9, 2.1", sysctls.SYSCTL_FILE, forms.first_word, SYSCTLS),
    "config.toml": Subject("2.2", runtime.CONTAINERD_FILE, forms.toml, ("config.toml",)),
    "kubelet.yaml": Subject("2.3", KUBEADM, forms.documents, ("kubelet.yaml",), kind="KubeletConfiguration"),
    **{name: Subject("4.1", endpoint.KEEPALIVED_FILE, forms.keepalived, (name,)) for name in MASTERS},
    "haproxy.cfg": Subject("4.1", endpoint.HAPROXY_FILE, forms.haproxy, ("haproxy.cfg",)),
    "check_apiserver.sh": Subject("4.1", endpoint.CHECK_FILE, forms.script, ("check_apiserver.sh",)),
    "keepalived.yaml": Subject("4.1", endpoint.KEEPALIVED_POD, forms.documents, ("keepalived.yaml",)),
    "haproxy.yaml": Subject("4.1", endpoint.HAPROXY_POD, forms.documents, ("haproxy.yaml",)),
    "kubeadm.yaml": Subject("4.2", KUBEADM, forms.documents, ("kubeadm.yaml",)),
    "custom-resources.yaml": Subject("5.1", CALICO, forms.objects, ("custom-resources.yaml",)),
    "calico-bgp-configuration.yaml": Subject("5.3", BGP, forms.objects, ("calico-bgp-configuration.yaml",)),
    "calico-bgp-peer.yaml": Subject("5.3", PEERS, forms.objects, ("calico-bgp-peer.yaml",)),
    "purelb-ipam.yaml": Subject("6", POOL, forms.objects, ("purelb-ipam.yaml",)),
    "nginx-quic.yaml": Subject("7", WORKLOAD, forms.objects, ("nginx-quic.yaml",)),
}

# The tutorial shows haproxy.cfg as a template and says which port it takes (4.1); the addresses are those of 1.1, 6443 that of 4.2.
HAPROXY_VALUES = {"${APISERVER_DEST_PORT}": "8443", "${APISERVER_SRC_PORT}": "6443"}
HAPROXY_HOSTS = {f"k8s-calico-master-10-31-90-{number}": f"10.31.90.{number}" for number in (1, 2, 3)}


@functools.cache
def tutorials(name: str) -> str:
    """A file of the tutorial; of a template, what is to be filled in is."""
    text = (FILES / name).read_text(encoding="utf-8")
    for variable, value in HAPROXY_VALUES.items() if name == "haproxy.cfg" else ():
        text = text.replace(variable, value)
    lines = [
        line.replace("${HOST1_ID}", host).replace("${HOST1_ADDRESS}", address)
        for line in text.splitlines()
        for host, address in (HAPROXY_HOSTS.items() if "${HOST1_ID}" in line else [("", "")])
    ]
    return "\n".join(lines)


def seeds(subject: str) -> dict[str, Any]:
    """What the tutorial's files say."""
    said: dict[str, Any] = {}
    for name in SUBJECTS[subject].names:
        said |= SUBJECTS[subject].form(tutorials(name))
    return said


def ours(subject: str, intent: Intent, password: str | None = None) -> dict[str, Any]:
    """What the rendered file says: on the first control plane, unless the subject is another's.

    Args:
        subject: which.
        intent: of inventory/seed.yaml.
        password: of VRRP, where the inventory would name one; else one is generated.

    """
    _, place, form, _, kind = SUBJECTS[subject]
    node = intent.control_planes[MASTERS.get(subject, 0)]
    if place in OBJECTS:
        said = forms.by_name(OBJECTS[place](intent))
    elif place == KUBEADM:
        said = form(init_configuration(intent, node, JoinSecrets.generate()))
    elif place in endpoint.PATHS:
        nothing = Seen({"restarts": Answer(0, "")}, dict.fromkeys(endpoint.PATHS))
        said = form(_written(endpoint.plan_endpoint(intent, node, nothing, password or new_password()))[place])
    else:
        empty = {hosts.HOSTS: FileSeen("644", "root:root", "")}
        bare = Seen(defaultdict(lambda: Answer(0, "")), defaultdict(lambda: None, empty))
        said = form(_written(plan.plan(intent, node, bare, Given(), Repository()))[place])
    return dict(said[kind]) if kind else said


def _written(changes: tuple[LinuxChange, ...]) -> Mapping[str, str]:
    return {step.path: step.content for change in changes for step in change.steps if isinstance(step, Write)}
