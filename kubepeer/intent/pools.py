"""Calico's IP pools: how the addresses of pods are routed, and pools beside the first one."""

from ipaddress import IPv4Network
from typing import Literal

from pydantic import Field

from kubepeer.intent.section import Section


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
    """A pool beside the first one, from which pods and namespaces are given addresses by annotation, or nodes by the selector."""

    cidr: IPv4Network
    block_size: int = Field(default=26, ge=20, le=32)  # Calico's limits for IPv4 blocks
