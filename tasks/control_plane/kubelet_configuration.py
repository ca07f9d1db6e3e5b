"""KubeletConfiguration: what a kubelet should be told, laid over what kubeadm has written. Pure.

kubeadm writes the whole structure (cmd/kubeadm/app/componentconfigs/kubelet.go, and the zeros of fields that Go's encoder does not
leave out), for the cluster into the ConfigMap kubelet-config, for a node into /var/lib/kubelet/config.yaml. A field that nobody asks for,
and that kubeadm does not write, goes.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from kubepeer import safe_yaml
from kubepeer.intent import Intent, Node
from tasks.control_plane.kubeadm import cgroup_v1_allowed

Fields = dict[str, Any]
# Of the node itself, or of kubeadm: as they stand, unless the inventory says otherwise.
KEPT = ("apiVersion", "kind", "resolvConf", "containerRuntimeEndpoint", "staticPodPath")
DNS_NUMBER = 10  # kubeadm: the services' tenth address (cmd/kubeadm/app/constants, GetDNSIP)
LOGGING = "logging"  # its zeros are numbers, and so encoded
GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s))+")  # time.Duration's text: 60s is written back as 1m0s
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def of_cluster(intent: Intent) -> Fields:
    """What the kubelets of all nodes are told: by kubeadm, and by the inventory."""
    software, networks = intent.software, intent.cluster.networks
    by_kubeadm: Fields = {
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [str(networks.services[DNS_NUMBER])],
        "clusterDomain": intent.cluster.dns_domain,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "rotateCertificates": True,
    }
    by_keys: Fields = {"cgroupDriver": software.cgroup_driver, "failSwapOn": software.fail_swap_on}
    if cgroup_v1_allowed(software):
        by_keys["failCgroupV1"] = False
    further = software.kubelet_configuration
    return {**by_kubeadm, **by_keys, **{name: _over(by_kubeadm.get(name), value) for name, value in further.items()}}


def _over(below: Any, above: Any) -> Any:
    """Kubeadm fills in what a mapping of the inventory leaves out."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {name: _over(below.get(name), value) for name, value in above.items()}
    return above


def of_node(intent: Intent, node: Node) -> Fields:
    """The same with what the node has of its own."""
    return of_cluster(intent) | node.settings.kubelet_configuration


def laid_over(wanted: Mapping[str, Any], stands: Mapping[str, Any]) -> Fields:
    """The configuration as it should stand.

    Args:
        wanted: every field that is asked for.
        stands: the configuration as kubeadm, or an earlier run, has written it.

    """
    result: Fields = {}
    for name, value in stands.items():
        if name in wanted:
            result[name] = value if same(name, wanted[name], value) else wanted[name]
        elif name in KEPT or pruned(value, name) is None:
            result[name] = value
    return result | {name: value for name, value in wanted.items() if name not in stands}


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a field say the same: zeros that Go writes are nothing, and so are other words for a duration."""
    return bool(_plain(pruned(one, name)) == _plain(pruned(other, name)))


def pruned(value: Any, name: str = "") -> Any:
    """A value without what is only there since Go's encoder leaves it not out; None where nothing is left.

    A zero of the inventory's own, as registryPullQPS: 0, is a value.
    """
    if isinstance(value, dict):
        inner = {key: left for key, one in value.items() if (left := pruned(one, name)) is not None}
        return inner or None
    if value in ("", "0s") or value is None or value == []:
        return None
    if name == LOGGING and value in (0, "0") and not isinstance(value, bool):
        return None
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, str) and GO_DURATION.fullmatch(value):
        return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", value))
    return value


def read(text: str) -> Fields:
    """A configuration's fields; none where it is none."""
    try:
        found = safe_yaml.load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def as_text(fields: Mapping[str, Any]) -> str:
    """As kubeadm writes it: the names in their order."""
    return yaml.safe_dump(dict(fields), sort_keys=True, default_flow_style=False)


def planned(wanted: Mapping[str, Any], text: str) -> tuple[str, str] | None:
    """What stands and what should stand, in one form; None where nothing is otherwise."""
    stands = read(text)
    after = laid_over(wanted, stands)
    return None if after == stands else (as_text(stands), as_text(after))
