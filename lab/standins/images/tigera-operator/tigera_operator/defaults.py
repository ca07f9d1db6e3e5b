"""What the operator fills into an Installation, and where it refuses one: a function of the specification and the version.

The real one writes it all back into the object (pkg/controller/installation, fillDefaults; from 1.34 on pkg/controller/ippool).
"""

import copy

from cluster_api.objects import Json
from cluster_api.versions import at_least

POOL_NAME = "default-ipv4-ippool"
DEFAULT_BLOCK_SIZE = 26
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
    # Only where nothing stands: another method that is laid over it later makes two of them, and two are refused.
    if network.get("nodeAddressAutodetectionV4") is None:
        network["nodeAddressAutodetectionV4"] = {"firstFound": True}
    if whole.get("registry") and whole["registry"] != "UseDefault":
        whole["registry"] = f"{whole['registry'].rstrip('/')}/"
    if network.get("ipPools") is None:
        network["ipPools"] = [{"cidr": cidr} for cidr in pod_networks or [DEFAULT_NETWORK]]
    for pool in network["ipPools"]:
        _fill(pool, _pool(str(pool.get("cidr", "")), version))
    return whole


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


def _pool(cidr: str, version: str) -> Json:
    pool: Json = {
        "blockSize": 122 if ":" in cidr else DEFAULT_BLOCK_SIZE,
        "disableBGPExport": False,
        "encapsulation": "None" if ":" in cidr else "IPIP",
        "natOutgoing": "Disabled" if ":" in cidr else "Enabled",
        "nodeSelector": "all()",
    }
    if at_least(version, POOL_CONTROLLER_SINCE):
        pool |= {"name": "default-ipv6-ippool" if ":" in cidr else POOL_NAME, "allowedUses": ["Workload", "Tunnel"]}
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


def detection(spec: Json) -> str:
    """Write how calico-node finds its address, as its variable IP_AUTODETECTION_METHOD; empty where no method is left.

    Raises:
        ConfigurationError: more than one method.

    """
    method = (spec.get("calicoNetwork") or {}).get("nodeAddressAutodetectionV4") or {}
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
