"""Read from a live cluster what an inventory of its routers is written from: all lists at the same time."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tasks.adopt.found import ClusterSeen
from tasks.adopt.peers import Speaking
from tasks.routes.cluster import Api, calico_groups, calico_items, calico_object, items
from tasks.routes.metallb_cluster import GROUP

INSTALLATION = "/apis/operator.tigera.io/v1/installations/default"
REQUESTS = 8


def read_cluster(api: Api) -> ClusterSeen:
    """Nodes, peers, pools, filters and configurations, of Calico and of MetalLB, whichever is there."""
    with ThreadPoolExecutor(REQUESTS) as pool:
        groups = calico_groups(api)
        of_calico, of_metallb = partial(calico_items, api, groups), partial(items, api)
        nodes = pool.submit(items, api, "/api/v1/nodes")
        configuration = pool.submit(calico_object, api, groups, "bgpconfigurations/default")
        calico = pool.submit(of_calico, "bgppeers")
        pools = pool.submit(of_calico, "ippools")
        installation = pool.submit(api.get, INSTALLATION)
        metallb = pool.submit(of_metallb, f"{GROUP}/v1beta2/bgppeers")
        address_pools = pool.submit(of_metallb, f"{GROUP}/v1beta1/ipaddresspools")
        advertisements = pool.submit(of_metallb, f"{GROUP}/v1beta1/bgpadvertisements")
        return ClusterSeen(
            speaking=Speaking(
                nodes=tuple(nodes.result()),
                bgp_configuration=configuration.result(),
                calico=tuple(calico.result()),
                metallb=tuple(metallb.result()),
            ),
            ip_pools=tuple(pools.result()),
            installation=installation.result(),
            address_pools=tuple(address_pools.result()),
            advertisements=tuple(advertisements.result()),
        )
