"""The networks of the inventory's section cluster.networks."""

from ipaddress import IPv4Network

from pydantic import Field

from kubepeer.intent.section import Section


class Networks(Section):
    """Every network that the cluster uses; none overlaps another."""

    nodes: IPv4Network
    pods: IPv4Network
    pod_block_size: int = Field(default=26, ge=20, le=32)  # Calico's limits for IPv4 blocks
    services: IPv4Network
    load_balancers: IPv4Network

    @property
    def announced(self) -> tuple[IPv4Network, ...]:
        """What the cluster may announce to the routers, and nothing else."""
        return (self.pods, self.services, self.load_balancers)
