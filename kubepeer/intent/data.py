"""The keys under data: of the inventory's entries: of the whole cluster, of a node, of a router. Pure."""

from pydantic import Field

from kubepeer.intent.access import Access
from kubepeer.intent.clock import Time
from kubepeer.intent.families import MaybeAddress
from kubepeer.intent.kubeadm import Kubeadm
from kubepeer.intent.load_balancer import LoadBalancer
from kubepeer.intent.model import Cluster, ConfigurationFiles, Manifests, Packages, Software
from kubepeer.intent.node_settings import NodeSettings
from kubepeer.intent.peering import Peering
from kubepeer.intent.proxy import Proxy
from kubepeer.intent.rack import Rack
from kubepeer.intent.runtime import Registries
from kubepeer.intent.section import Section
from kubepeer.intent.values import AsNumber


class FabricData(Section):
    """The keys under data: of the group `fabric` and of the defaults: true of everything.

    Attributes:
        cluster: the cluster as a whole.
        software: versions, images and modes.
        packages: where they come from.
        manifests: of the projects, applied as they are.
        time: what keeps the nodes' clocks.
        time_servers: that the clocks are taken from.
        registries: registry -> its mirror: an address, or a mapping.
        proxy: how the nodes reach what is not their own.
        kubeadm: what is added to its configuration.
        load_balancer: who gives services their addresses.

    """

    cluster: Cluster
    software: Software | None = None  # of these three none but where the cluster is adopted
    packages: Packages | None = None
    manifests: Manifests | None = None
    time: Time = Time()
    time_servers: tuple[str, ...] = ()
    registries: Registries = Field(default_factory=dict)
    proxy: Proxy | None = None
    kubeadm: Kubeadm = Kubeadm()
    load_balancer: LoadBalancer = LoadBalancer()


class NodeData(NodeSettings):
    """The keys under data: of a node, or of the groups it is in.

    Attributes:
        address: of the node, where hostname is another: of management, a name.
        address6: of IPv6, beside the first one.
        interface: the interface with that address.
        as_number: the node's AS; not said: its rack's, else the cluster's.
        routers: the names of those that serve the node; not said: all of them.
        rack: that the node is in, of its group.
        route_reflector: tells the other nodes of each other, where cluster.bgp.topology says so.
        access: how it is entered.

    """

    address: MaybeAddress = None
    address6: MaybeAddress = None
    interface: str = "eth0"
    as_number: AsNumber | None = None
    routers: tuple[str, ...] | None = None
    rack: Rack | None = None
    route_reflector: bool = False
    access: Access = Access()


class RouterData(Section):
    """The keys under data: of a router, or of the groups it is in.

    Attributes:
        as_number: the router's AS, as its running configuration says.
        address: the router's end of its sessions, where hostname is another; peering.address says the same.
        address6: of IPv6, beside the first one.
        peering: the router's side of its sessions.
        configuration_files: of its daemon.
        access: how it is entered.

    """

    as_number: AsNumber
    address: MaybeAddress = None
    address6: MaybeAddress = None
    peering: Peering = Peering()
    configuration_files: ConfigurationFiles = ConfigurationFiles()
    access: Access = Access()
