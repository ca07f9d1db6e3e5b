"""Calico's custom resources and Kubernetes' Nodes as the rest of this program sees them."""

import hashlib
from dataclasses import dataclass

from cluster_api.objects import Json, annotations, labels, name, spec, status

from calico_node import family as families
from calico_node.family import IPV4, Address, Family, Interface, Network, family_of

DEFAULT_AS_NUMBER = 64512  # BGPConfiguration, asNumber
DEFAULT_PORT = 179
FIRST_OF_MULTICAST = 224
AFFINITY_PREFIX = "host:"  # of IPAMBlock.spec.affinity
AS_NUMBER_ANNOTATION = "projectcalico.org/ASNumber"
CLUSTER_ID_ANNOTATION = "projectcalico.org/RouteReflectorClusterID"


@dataclass(frozen=True)
class Pool:
    """An IPPool."""

    name: str
    cidr: Network
    block_size: int
    vxlan_mode: str
    nat_outgoing: bool
    disabled: bool
    exported: bool
    node_selector: str
    for_workloads: bool

    @property
    def routed_by_felix(self) -> bool:
        """Say whether Felix programs the routes (VXLAN), not BIRD."""
        return self.vxlan_mode != "Never"

    @property
    def always_tunnelled(self) -> bool:
        """Say whether VXLAN is used inside one subnet, too."""
        return self.vxlan_mode == "Always"


@dataclass(frozen=True)
class Node:
    """A node in one family, as the annotations that calico/node writes and the kubelet's own status describe it."""

    name: str
    labels: dict[str, str]
    address: Interface | None
    as_number: int | None
    tunnel_address: Address | None = None
    cluster_id: str = ""
    """Of a route reflector (RFC 4456): those of one cluster have one."""


@dataclass(frozen=True)
class Block:
    """A confirmed BlockAffinity, or a single address that a node uses of another node's block."""

    cidr: Network
    node: str


def pool(item: Json) -> Pool:
    """Read an IPPool, with the API's defaults."""
    fields = spec(item)
    uses = fields.get("allowedUses") or ["Workload", "Tunnel"]
    cidr = families.network(fields["cidr"])
    return Pool(
        name=name(item),
        cidr=cidr,
        block_size=int(fields.get("blockSize") or family_of(cidr).block_size),
        vxlan_mode=str(fields.get("vxlanMode") or "Never"),
        nat_outgoing=bool(fields.get("natOutgoing")),
        disabled=bool(fields.get("disabled")),
        exported=not fields.get("disableBGPExport"),
        node_selector=str(fields.get("nodeSelector") or ""),
        for_workloads="Workload" in uses,
    )


def pools(items: list[Json], family: Family = IPV4) -> list[Pool]:
    """Read the pools of a family."""
    return [pool(item) for item in items if family.has(str(spec(item)["cidr"]))]


def node(item: Json, family: Family = IPV4) -> Node:
    """Read a Node; its address carries the prefix length only once its own calico/node has announced it."""
    notes = annotations(item)
    address = notes.get(family.address_annotation)
    as_number, tunnel = notes.get(AS_NUMBER_ANNOTATION), notes.get(family.tunnel_annotation)
    return Node(
        name=name(item),
        labels=labels(item),
        address=families.interface(address) if address else None,
        as_number=as_plain_number(as_number) if as_number else None,
        tunnel_address=families.address(tunnel) if tunnel else None,
        cluster_id=notes.get(CLUSTER_ID_ANNOTATION, ""),
    )


def internal_address(item: Json, family: Family = IPV4) -> Address | None:
    """Read the address of a family by which the kubelet registered its node."""
    for address in status(item).get("addresses") or []:
        if address["type"] == "InternalIP" and family.has(address["address"]):
            return families.address(address["address"])
    return None


def router_id(item: Json) -> str:
    """Write what both BIRDs call themselves: the IPv4 address, or four bytes of the name's hash (CALICO_ROUTER_ID=hash).

    A first byte of multicast or above is lowered (confd, HashToIPv4).
    """
    if (address := node(item).address) is not None:
        return str(address.ip)
    first, *others = hashlib.sha256(name(item).encode()).digest()[:4]
    return ".".join(map(str, (first - 32 if first >= FIRST_OF_MULTICAST else first, *others)))


def blocks(affinities: list[Json], family: Family = IPV4) -> list[Block]:
    """Read the blocks of a family that are confirmed and not being deleted."""
    fields = (spec(item) for item in affinities)
    return [
        Block(families.network(block["cidr"]), str(block["node"]))
        for block in fields
        if block.get("state") == "confirmed" and block.get("deleted", "false") != "true" and family.has(block["cidr"])
    ]


def borrowed(ipam_blocks: list[Json], family: Family = IPV4) -> list[Block]:
    """Read the addresses that a node uses of another's block: each gets a route of its own to the node that uses it."""
    found: list[Block] = []
    for fields in map(spec, ipam_blocks):
        owner = str(fields.get("affinity") or "").removeprefix(AFFINITY_PREFIX)
        if not family.has(fields["cidr"]):
            continue
        first, attributes = families.network(fields["cidr"]).network_address, fields.get("attributes") or []
        for ordinal, index in enumerate(fields.get("allocations") or []):
            secondary = {} if index is None else attributes[index].get("secondary") or {}
            if secondary.get("node", owner) != owner:
                found.append(Block(families.alone(first + ordinal), str(secondary["node"])))
    return found


def as_plain_number(text: str | int) -> int:
    """Read an AS number; `high.low` is the dotted form of RFC 5396, which Calico accepts too."""
    high, dot, low = str(text).partition(".")
    return (int(high) << 16) + int(low) if dot else int(high)
