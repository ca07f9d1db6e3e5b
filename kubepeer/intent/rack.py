"""A rack: nodes on one link, behind routers of their own. The section rack of a group of nodes."""

from ipaddress import IPv4Network

from kubepeer.intent.section import Section
from kubepeer.intent.values import AsNumber, DnsName


class Rack(Section):
    """Nodes that share a link and its routers (a pair of top-of-rack switches); `routers` stands beside it.

    Attributes:
        name: in what is said about it.
        network: of the link; within the nodes' network, which holds those of all racks.
        as_number: of its nodes, where neither they nor their groups name another (RFC 7938, 5.2: an AS a rack).

    """

    name: DnsName
    network: IPv4Network
    as_number: AsNumber | None = None
