"""Calico's custom resources and Kubernetes' Nodes as the rest of this program sees them."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from cluster_api.objects import Json, annotations, labels, name, spec, status

DEFAULT_AS_NUMBER = 64512  # BGPConfiguration, asNumber
DEFAULT_BLOCK_SIZE = 26  # IPPool, blockSize
DEFAULT_PORT = 179
ADDRESS_ANNOTATION = "projectcalico.org/IPv4Address"
TUNNEL_ADDRESS_ANNOTATION = "projectcalico.org/IPv4VXLANTunnelAddr"
AFFINITY_PREFIX = "host:"  # of IPAMBlock.spec.affinity
AS_NUMBER_ANNOTATION = "projectcalico.org/ASNumber"
CLUSTER_ID_ANNOTATION = "projectcalico.org/RouteReflectorClusterID"


@dataclass(frozen=True)
class Pool:
    """An IPPool."""

    name: str
    cidr: IPv4Network
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
    """A node as the annotations that calico/node writes and the kubelet's own status describe it."""

    name: str
    labels: dict[str, str]
    address: IPv4Interface | None
    as_number: int | None
    tunnel_address: IPv4Address | None = None
    cluster_id: str = ""
    """Of a route reflector (RFC 4456): those of one cluster have one."""


@dataclass(frozen=True)
class Block:
    """A confirmed BlockAffinity, or a single address that a node uses of another node's block."""

    cidr: IPv4Network
    node: str


def pool(item: Json) -> Pool:
    """Read an IPPool, with the API's defaults."""
    fields = spec(item)
    uses = fields.get("allowedUses") or ["Workload", "Tunnel"]
    return Pool(
        name=name(item),
        cidr=IPv4Network(fields["cidr"]),
        block_size=int(fields.get("blockSize") or DEFAULT_BLOCK_SIZE),
        vxlan_mode=str(fields.get("vxlanMode") or "Never"),
        nat_outgoing=bool(fields.get("natOutgoing")),
        disabled=bool(fields.get("disabled")),
        exported=not fields.get("disableBGPExport"),
        node_selector=str(fields.get("nodeSelector") or ""),
        for_workloads="Workload" in uses,
    )


def pools(items: list[Json]) -> list[Pool]:
    """Read the IPv4 pools; IPv6 is not stood in for."""
    return [pool(item) for item in items if ":" not in str(spec(item)["cidr"])]


def node(item: Json) -> Node:
    """Read a Node; its address carries the prefix length only once its own calico/node has announced it."""
    notes = annotations(item)
    address: IPv4Interface | None = None
    if ADDRESS_ANNOTATION in notes:
        address = IPv4Interface(notes[ADDRESS_ANNOTATION])
    as_number, tunnel = notes.get(AS_NUMBER_ANNOTATION), notes.get(TUNNEL_ADDRESS_ANNOTATION)
    return Node(
        name=name(item),
        labels=labels(item),
        address=address,
        as_number=as_plain_number(as_number) if as_number else None,
        tunnel_address=IPv4Address(tunnel) if tunnel else None,
        cluster_id=notes.get(CLUSTER_ID_ANNOTATION, ""),
    )


def internal_address(item: Json) -> IPv4Address | None:
    """Read the IPv4 address by which the kubelet registered its node."""
    for address in status(item).get("addresses") or []:
        if address["type"] == "InternalIP" and ":" not in address["address"]:
            return IPv4Address(address["address"])
    return None


def blocks(affinities: list[Json]) -> list[Block]:
    """Read the IPv4 blocks that are confirmed and not being deleted."""
    fields = (spec(item) for item in affinities)
    return [
        Block(IPv4Network(block["cidr"]), str(block["node"]))
        for block in fields
        if block.get("state") == "confirmed" and block.get("deleted", "false") != "true" and ":" not in block["cidr"]
    ]


def borrowed(ipam_blocks: list[Json]) -> list[Block]:
    """Read the addresses that a node uses of another's block: each gets a route of its own to the node that uses it."""
    found: list[Block] = []
    for fields in map(spec, ipam_blocks):
        owner = str(fields.get("affinity") or "").removeprefix(AFFINITY_PREFIX)
        if ":" in fields["cidr"]:
            continue
        first, attributes = IPv4Network(fields["cidr"]).network_address, fields.get("attributes") or []
        for ordinal, index in enumerate(fields.get("allocations") or []):
            secondary = {} if index is None else attributes[index].get("secondary") or {}
            if secondary.get("node", owner) != owner:
                found.append(Block(IPv4Network(first + ordinal), str(secondary["node"])))
    return found


def as_plain_number(text: str | int) -> int:
    """Read an AS number; `high.low` is the dotted form of RFC 5396, which Calico accepts too."""
    high, dot, low = str(text).partition(".")
    return (int(high) << 16) + int(low) if dot else int(high)
