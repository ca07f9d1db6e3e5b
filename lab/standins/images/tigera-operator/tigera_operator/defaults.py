"""What the operator fills into an Installation, and where it refuses one: a function of the specification and the version.

The real one writes it all back into the object (pkg/controller/installation, fillDefaults; from 1.34 on pkg/controller/ippool).
"""

import copy

from cluster_api.objects import Json
from cluster_api.versions import at_least

POOL_NAMES = ("default-ipv4-ippool", "default-ipv6-ippool")
DEFAULT_BLOCK_SIZES = (26, 122)
AUTODETECTION = ("nodeAddressAutodetectionV4", "nodeAddressAutodetectionV6")
DEFAULT_NETWORK = "192.168.0.0/16"
POOL_CONTROLLER_SINCE = "3.28.0"
"""Operator 1.34: a controller of their own keeps the pools; before that, calico-node made the first one once."""
_LOGGING = {"logSeverity": "Info", "logFileMaxAgeDays": 30, "logFileMaxCount": 10, "logFileMaxSize": "100Mi"}


class ConfigurationError(ValueError):
    """What an Installation asks for cannot be had; the text goes into TigeraStatus."""


def filled(spec: Json, version: str, pod_networks: list[str]) -> Json:
    """Write the specification with everything that this release fills in; what stands there stays."""
    whole = copy.deepcopy(spec)
    _fill(whole, _top(version))
    network = whole["calicoNetwork"]
    if whole.get("registry") and whole["registry"] != "UseDefault":
        whole["registry"] = f"{whole['registry'].rstrip('/')}/"
    if network.get("ipPools") is None:
        network["ipPools"] = [{"cidr": cidr} for cidr in pod_networks or [DEFAULT_NETWORK]]
    for pool in network["ipPools"]:
        _fill(pool, _pool(version, of_ipv6=is_ipv6(pool)))
    families = {is_ipv6(pool) for pool in network["ipPools"]} or {False}
    for of_ipv6, key in enumerate(AUTODETECTION):
        # Only where nothing stands: another method that is laid over it later makes two of them, and two are refused.
        if of_ipv6 in families and network.get(key) is None:
            network[key] = {"firstFound": True}
    return whole


def is_ipv6(pool: Json) -> bool:
    """Tell the family of a pool."""
    return ":" in str(pool.get("cidr"))


def _top(version: str) -> Json:
    network: Json = {
        "bgp": "Enabled",
        "hostPorts": "Enabled",
        "linuxDataplane": "Iptables",
        "multiInterfaceMode": "None",
    }
    top: Json = {
        "variant": "Calico",
        "calicoNetwork": network,
        "cni": {"type": "Calico", "ipam": {"type": "Calico"}},
        "controlPlaneReplicas": 2,
        "flexVolumePath": "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/",
        "kubeletVolumePluginPath": "/var/lib/kubelet",
        "nodeUpdateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "nonPrivileged": "Disabled",
    }
    if at_least(version, "3.26.0"):
        top["logging"] = {"cni": dict(_LOGGING)}
    if at_least(version, "3.27.0"):
        network |= {"linuxPolicySetupTimeoutSeconds": 0, "windowsDataplane": "Disabled"}
    return top


def _pool(version: str, *, of_ipv6: bool) -> Json:
    pool: Json = {
        "blockSize": DEFAULT_BLOCK_SIZES[of_ipv6],
        "disableBGPExport": False,
        "encapsulation": "None" if of_ipv6 else "IPIP",
        "natOutgoing": "Disabled" if of_ipv6 else "Enabled",
        "nodeSelector": "all()",
    }
    if at_least(version, POOL_CONTROLLER_SINCE):
        pool |= {"name": POOL_NAMES[of_ipv6], "allowedUses": ["Workload", "Tunnel"]}
    if at_least(version, "3.29.0"):
        pool["disableNewAllocations"] = False
    if at_least(version, "3.30.0"):
        pool["assignmentMode"] = "Automatic"
    return pool


def _fill(below: Json, defaults: Json) -> None:
    """Lay defaults under what stands; a value that was given, also an empty list, is left alone."""
    for key, value in defaults.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _fill(below[key], value)
        elif below.get(key) in (None, ""):
            below[key] = copy.deepcopy(value)


def change(before: Json, after: Json) -> Json:
    """Write the merge patch that leads from one to the other: a list is written as a whole, as the real one writes it."""
    patch: Json = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := change(old, value):
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch | {key: None for key in before if key not in after}


def detections(spec: Json) -> tuple[str, str]:
    """Write how calico-node finds its address of each family, as its variables IP_ and IP6_AUTODETECTION_METHOD.

    Empty where no method is left.

    Raises:
        ConfigurationError: more than one method.

    """
    network = spec.get("calicoNetwork") or {}
    first, second = (_detection(network.get(key) or {}) for key in AUTODETECTION)
    return first, second


def _detection(method: Json) -> str:
    found = {
        "first-found": bool(method.get("firstFound")),
        f"interface={method.get('interface')}": bool(method.get("interface")),
        f"skip-interface={method.get('skipInterface')}": bool(method.get("skipInterface")),
        f"can-reach={method.get('canReach')}": bool(method.get("canReach")),
        f"cidr={','.join(method.get('cidrs') or [])}": bool(method.get("cidrs")),
        "kubernetes-internal-ip": method.get("kubernetes") == "NodeInternalIP",
    }
    chosen = [text for text, wanted in found.items() if wanted]
    if len(chosen) > 1:
        raise ConfigurationError("no more than one node address autodetection method can be specified per-family")
    return "".join(chosen)
