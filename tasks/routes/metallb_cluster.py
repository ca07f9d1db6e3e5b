"""Read from the live cluster what decides the announcements of MetalLB's speakers: all lists at the same time, in pages."""

from concurrent.futures import ThreadPoolExecutor

from tasks.routes import services
from tasks.routes.cluster import REQUESTS, Api, endpoints_of, items
from tasks.routes.legible import legible_objects
from tasks.routes.metallb import MetalLBObjects

GROUP = "/apis/metallb.io"
SPEAKER = "/apis/apps/v1/namespaces/metallb-system/daemonsets/speaker"


@legible_objects()
def read_objects(api: Api) -> MetalLBObjects:
    """Nodes, MetalLB's objects and speakers, the services with an address, and their EndpointSlices."""
    with ThreadPoolExecutor(REQUESTS) as pool:
        nodes = pool.submit(items, api, "/api/v1/nodes")
        every = pool.submit(items, api, "/api/v1/services")
        pools = pool.submit(items, api, f"{GROUP}/v1beta1/ipaddresspools")
        advertisements = pool.submit(items, api, f"{GROUP}/v1beta1/bgpadvertisements")
        peers = pool.submit(items, api, f"{GROUP}/v1beta2/bgppeers")
        speaker = pool.submit(api.get, SPEAKER)
        balanced = [one for one in every.result() if one["spec"].get("type") == "LoadBalancer"]
        slices = endpoints_of(api, pool, [services.key_of(one) for one in balanced]) if balanced else ()
        return MetalLBObjects(
            nodes=tuple(nodes.result()),
            services=tuple(balanced),
            slices=tuple(slices),
            pools=tuple(pools.result()),
            advertisements=tuple(advertisements.result()),
            peers=tuple(peers.result()),
            speaker=speaker.result(),
        )
