"""The IPPools that an Installation asks for, as crd.projectcalico.org/v1 holds them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from cluster_api.objects import Json, covers, labels, name, spec
from cluster_api.versions import at_least

from tigera_operator.defaults import POOL_CONTROLLER_SINCE, POOL_NAMES, ConfigurationError, is_ipv6

Network = IPv4Network | IPv6Network
LARGEST_BLOCK_OF_IPV6 = 116  # operator: pkg/controller/ippool/validation.go
WITHOUT_BGP = ("VXLAN", "VXLANCrossSubnet")  # operator: pkg/controller/ippool/validation.go
MANAGED_BY = {"app.kubernetes.io/managed-by": "tigera-operator"}
_MODES = {"VXLAN": "Always", "VXLANCrossSubnet": "CrossSubnet", "None": "Never"}


def ip_pools(filled: Json, version: str, pod_networks: list[str]) -> list[Json]:
    """Write the IPPools of a filled specification, after the checks that the real operator makes.

    Raises:
        ConfigurationError: a pool cannot be had.

    """
    network = filled.get("calicoNetwork") or {}
    pools: list[Json] = network.get("ipPools") or []
    if not pools:
        raise ConfigurationError("spec.calicoNetwork.ipPools: no pool is not stood in for")
    names = [_name(pool) for pool in pools]
    if len(set(names)) != len(names):
        raise ConfigurationError(f"spec.calicoNetwork.ipPools: two pools are named {max(names, key=names.count)}")
    if network.get("bgp") == "Disabled" and any(pool.get("encapsulation") not in WITHOUT_BGP for pool in pools):
        raise ConfigurationError("Unencapsulated and IPIP pools require that BGP is enabled")
    return [_checked(pool, version, [ip_network(subnet) for subnet in pod_networks]) for pool in pools]


def _name(pool: Json) -> str:
    return str(pool.get("name") or POOL_NAMES[is_ipv6(pool)])


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _checked(pool: Json, version: str, pod_networks: list[Network]) -> Json:
    try:
        cidr = ip_network(pool["cidr"])
    except ValueError as error:
        raise ConfigurationError(f"ipPool.CIDR(s) invalid: {error}") from error
    if pod_networks and not any(_within(cidr, subnet) for subnet in pod_networks):
        known = ", ".join(map(str, pod_networks))
        raise ConfigurationError(f"IPPool {cidr} is not within the platform's configured pod network CIDR(s) {known}")
    size = int(pool["blockSize"])
    if not cidr.prefixlen <= size <= cidr.max_prefixlen:
        raise ConfigurationError(f"IP pool size is too small: {cidr} has no block of /{size}")
    if is_ipv6(pool) and size < LARGEST_BLOCK_OF_IPV6:
        raise ConfigurationError("ipPool.blockSize must be greater than 115 and less than or equal to 128")
    encapsulation = str(pool["encapsulation"])
    if is_ipv6(pool) and encapsulation.startswith("IPIP"):
        raise ConfigurationError(f"IPIP encapsulation is not supported by IPv6 pools, but it is set for {cidr}")
    if encapsulation not in _MODES:
        raise ConfigurationError(f"encapsulation {encapsulation} of {cidr} is not stood in for, only {sorted(_MODES)}")
    written: Json = {
        "allowedUses": pool.get("allowedUses") or ["Workload", "Tunnel"],
        "blockSize": size,
        "cidr": str(cidr),
        "ipipMode": "Never",
        "natOutgoing": pool["natOutgoing"] == "Enabled",
        "nodeSelector": pool["nodeSelector"],
        "vxlanMode": _MODES[encapsulation],
    }
    if pool.get("disableBGPExport"):
        written["disableBGPExport"] = True
    if pool.get("disableNewAllocations"):
        written["disabled"] = True
    if at_least(version, "3.30.0"):
        written["assignmentMode"] = pool.get("assignmentMode") or "Automatic"
    marks = {"labels": dict(MANAGED_BY)} if at_least(version, POOL_CONTROLLER_SINCE) else {}
    return {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "IPPool",
        "metadata": {"name": _name(pool), **marks},
        "spec": written,
    }


def kubeadm_pod_subnets(configuration: Json | None) -> list[str]:
    """Read podSubnet from the ConfigMap kubeadm-config; the standard library reads no YAML, and one line is enough."""
    text = str(((configuration or {}).get("data") or {}).get("ClusterConfiguration", ""))
    match = re.search(r"^\s+podSubnet:\s*[\"']?([^\s\"']+)", text, re.MULTILINE)
    return match.group(1).split(",") if match else []


@dataclass(frozen=True)
class Decision:
    """What is to be done with the pools of the cluster."""

    create: list[Json] = field(default_factory=list)
    update: list[Json] = field(default_factory=list)
    refused: tuple[str, str] | None = None


def decide(wanted: list[Json], standing: Mapping[str, Json], version: str, *, ready: bool) -> Decision:
    """Compare pools with those that stand.

    The first ones are made at once; later changes need the API server (`ready`), as with the real one. Before 3.28 a pool
    is made once, and everything after that is the administrator's. A pool of the same network that somebody else made
    is left alone, and that is an error.
    """
    if not at_least(version, POOL_CONTROLLER_SINCE):
        return Decision(create=[] if standing else wanted)
    if not standing:
        return Decision(create=wanted)
    ours = {name(item): item for item in standing.values() if MANAGED_BY.items() <= labels(item).items()}
    foreign = {spec(item)["cidr"] for title, item in standing.items() if title not in ours}
    if any(spec(pool)["cidr"] in foreign for pool in wanted):
        return Decision(refused=("ResourceValidationError", "Cannot update an IP pool not owned by the operator"))
    absent = [pool for pool in wanted if name(pool) not in ours]
    changed = [pool for pool in wanted if name(pool) in ours and not covers(spec(ours[name(pool)]), spec(pool))]
    if (absent or changed) and not ready:
        words = "Unable to modify IP pools while Calico API server is unavailable"
        return Decision(refused=("ResourceNotReady", words))
    return Decision(create=absent, update=changed)
