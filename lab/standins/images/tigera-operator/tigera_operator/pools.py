"""The IPPool that an Installation asks for."""

import re
from ipaddress import IPv4Network

from cluster_api.objects import Json, spec

DEFAULT_NAME = "default-ipv4-ippool"
DEFAULT_BLOCK_SIZE = 26
SMALLEST_BLOCK = 32
_MODES = {"VXLAN": "Always", "VXLANCrossSubnet": "CrossSubnet", "None": "Never"}


class ConfigurationError(ValueError):
    """What an Installation asks for cannot be had; the text goes into TigeraStatus."""


def ip_pool(installation: Json, pod_subnets: list[IPv4Network]) -> Json:
    """Write the IPPool, after the checks that the real operator makes."""
    network = spec(installation).get("calicoNetwork") or {}
    if network.get("bgp") == "Disabled":
        raise ConfigurationError("spec.calicoNetwork.bgp: Disabled is not stood in for")
    wanted = [pool for pool in network.get("ipPools") or [] if ":" not in pool["cidr"]]
    if len(wanted) != 1:
        raise ConfigurationError(f"spec.calicoNetwork.ipPools: one IPv4 pool is needed, {len(wanted)} given")
    return _checked(wanted[0], pod_subnets)


def _checked(pool: Json, pod_subnets: list[IPv4Network]) -> Json:
    try:
        cidr = IPv4Network(pool["cidr"])
    except ValueError as error:
        raise ConfigurationError(f"ipPool.CIDR(s) invalid: {error}") from error
    if pod_subnets and not any(cidr.subnet_of(subnet) for subnet in pod_subnets):
        known = ", ".join(map(str, pod_subnets))
        raise ConfigurationError(f"IPPool {cidr} is not within the platform's configured pod network CIDR(s) {known}")
    size = int(pool.get("blockSize") or DEFAULT_BLOCK_SIZE)
    if not cidr.prefixlen <= size <= SMALLEST_BLOCK:
        raise ConfigurationError(f"IP pool size is too small: {cidr} has no block of /{size}")
    encapsulation = str(pool.get("encapsulation") or "IPIP")
    if encapsulation not in _MODES:
        raise ConfigurationError(f"encapsulation {encapsulation} of {cidr} is not stood in for, only {sorted(_MODES)}")
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "IPPool",
        "metadata": {"name": DEFAULT_NAME},
        "spec": {
            "allowedUses": ["Workload", "Tunnel"],
            "blockSize": size,
            "cidr": str(cidr),
            "disableBGPExport": bool(pool.get("disableBGPExport")),
            "ipipMode": "Never",
            "natOutgoing": (pool.get("natOutgoing") or "Enabled") == "Enabled",
            "nodeSelector": pool.get("nodeSelector") or "all()",
            "vxlanMode": _MODES[encapsulation],
        },
    }


def kubeadm_pod_subnets(configuration: Json | None) -> list[IPv4Network]:
    """Read podSubnet from the ConfigMap kubeadm-config; the standard library reads no YAML, and one line is enough."""
    text = str(((configuration or {}).get("data") or {}).get("ClusterConfiguration", ""))
    match = re.search(r"^\s+podSubnet:\s*[\"']?([^\s\"']+)", text, re.MULTILINE)
    subnets = match.group(1).split(",") if match else []
    return [IPv4Network(subnet) for subnet in subnets if ":" not in subnet]
