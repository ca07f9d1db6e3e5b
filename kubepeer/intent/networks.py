"""The networks of the inventory's section cluster.networks."""

from ipaddress import IPv4Network

from pydantic import Field

from kubepeer.intent.pools import FurtherPool, Routing
from kubepeer.intent.section import Section


class Networks(Section):
    """Every network that the cluster uses; none overlaps another."""

    nodes: IPv4Network
    pods: IPv4Network
    pod_block_size: int = Field(default=26, ge=20, le=32)  # Calico's limits for IPv4 blocks
    services: IPv4Network
    load_balancers: IPv4Network
    pod_routing: Routing = Routing()  # of the pool of `pods`
    further_pools: tuple[FurtherPool, ...] = ()
    pod_subnet: IPv4Network | None = None  # kubeadm's, which holds all pools; None: `pods` alone
    external: tuple[IPv4Network, ...] = ()  # of services' externalIPs

    @property
    def pools(self) -> tuple[FurtherPool, ...]:
        """All pools, the first one first."""
        first = FurtherPool(cidr=self.pods, block_size=self.pod_block_size, **dict(self.pod_routing))
        return (first, *self.further_pools)

    @property
    def kubeadms_pods(self) -> IPv4Network:
        """The pods' network that kubeadm is told."""
        return self.pod_subnet or self.pods

    @property
    def announced(self) -> tuple[IPv4Network, ...]:
        """What the cluster may announce to the routers, and nothing else."""
        further = (pool.cidr for pool in self.further_pools)
        every = (self.pods, self.services, self.load_balancers, *further, *self.external)
        return tuple(dict.fromkeys(every))
