"""Calico's IP pools: how the addresses of pods are routed, and pools beside the first one."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from kubepeer.intent.families import IPV4, IPV6, NAMES, Network, OneNetwork, Version, version_of
from kubepeer.intent.section import Section

# Calico's limits of a pool's blocks, and what it takes where none is said (calico: api/pkg/apis/projectcalico/v3/ippool.go)
BLOCK_SIZES: Mapping[Version, range] = {IPV4: range(20, 33), IPV6: range(116, 129)}
BLOCK_SIZE: Mapping[Version, int] = {IPV4: 26, IPV6: 122}


class Routing(Section):
    """How a pool's addresses are routed; the defaults are the tutorial's.

    Attributes:
        encapsulation: between nodes, as Calico calls it.
        nat_outgoing: what pods send to where no pool is has the node's address.
        announced: the routers are told of its blocks (disableBGPExport is the contrary).
        node_selector: of the nodes that take blocks of it, in Calico's language.

    """

    encapsulation: Literal["VXLANCrossSubnet", "VXLAN", "IPIPCrossSubnet", "IPIP", "None"] = "VXLANCrossSubnet"
    nat_outgoing: bool = True
    announced: bool = True
    node_selector: str = Field(default="all()", min_length=1)


class FurtherPool(Routing):
    """A pool beside the first one, from which pods and namespaces are given addresses by annotation, or nodes by the selector.

    Attributes:
        cidr: its network.
        block_size: the prefix length of a node's block; not said: what Calico takes for the family.

    """

    cidr: OneNetwork
    block_size: int = Field(default=0, validate_default=True)

    @field_validator("block_size")
    @classmethod
    def _of_the_family(cls, value: int, info: ValidationInfo) -> int:
        network: Network | None = info.data.get("cidr")
        if network is None:
            return value
        version, size = version_of(network), value or BLOCK_SIZE[version_of(network)]
        sizes = BLOCK_SIZES[version]
        if size not in sizes:
            raise ValueError(f"a block's prefix length is {sizes[0]} to {sizes[-1]} ({NAMES[version]})")
        return size
