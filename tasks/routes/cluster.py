"""Read from the live cluster what decides its announcements: all lists at the same time, in pages."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

from tasks.routes import services
from tasks.routes.expected import ClusterObjects, Manifest

CALICO = ("/apis/crd.projectcalico.org/v1", "/apis/projectcalico.org/v3")  # the stored kinds; Calico's own API server
SLICES = "/apis/discovery.k8s.io/v1"
PAGE = 500  # as kubectl's --chunk-size
SELECTOR_NAMES = 100  # service names in one label selector: an address of well under 8 KB
SINGLE_READS = 50  # up to so many Endpoints are read one by one, above it the whole list
REQUESTS = 8  # at the same time

Got = TypeVar("Got")


class Api(Protocol):
    """What is needed of tasks.cluster.api.KubernetesApi."""

    def get(self, path: str, query: dict[str, str] | None = None) -> Any | None:
        """An object or a list; None where there is none."""


def read_objects(api: Api) -> ClusterObjects:
    """Nodes, blocks, pools, BGPConfiguration, services; and endpoints where a service is Local."""
    with ThreadPoolExecutor(REQUESTS) as pool:
        together = partial(_start, pool)
        nodes = together(lambda: items(api, "/api/v1/nodes"))
        all_services = together(lambda: items(api, "/api/v1/services"))
        affinities = together(lambda: _calico_items(api, "blockaffinities"))
        pools = together(lambda: _calico_items(api, "ippools"))
        blocks = together(lambda: _ipam_blocks(api))
        configuration = together(lambda: _calico_object(api, "bgpconfigurations/default"))
        local = [service for service in all_services() if services.local(service)]
        endpoints = _endpoints(api, pool, [services.key_of(service) for service in local]) if local else []
        return ClusterObjects(
            nodes=tuple(nodes()),
            block_affinities=tuple(affinities()),
            ip_pools=tuple(pools()),
            ipam_blocks=tuple(blocks()),
            bgp_configuration=configuration(),
            services=tuple(all_services()),
            endpoints=tuple(endpoints),
        )


def items(api: Api, path: str, query: dict[str, str] | None = None) -> list[Manifest]:
    """All items of a list, page by page; none where there is no such API."""
    found: list[Manifest] = []
    token = ""
    while True:
        answer = api.get(path, (query or {}) | {"limit": str(PAGE)} | ({"continue": token} if token else {}))
        if answer is None:
            return found
        found.extend(answer.get("items") or [])
        token = (answer.get("metadata") or {}).get("continue") or ""
        if not token:
            return found


def _start(pool: ThreadPoolExecutor, read: Callable[[], Got]) -> Callable[[], Got]:
    """Begin to read; the result waits for the end."""
    return pool.submit(read).result


def _calico_items(api: Api, plural: str) -> list[Manifest]:
    """The objects of the first of Calico's APIs that has any."""
    for base in CALICO:
        found = items(api, f"{base}/{plural}")
        if found:
            return found
    return []


def _calico_object(api: Api, path: str) -> Manifest | None:
    for base in CALICO:
        found: Manifest | None = api.get(f"{base}/{path}")
        if found is not None:
            return found
    return None


def _ipam_blocks(api: Api) -> list[Manifest]:
    """The allocations, needed only where a node may borrow addresses: not under strictAffinity."""
    configuration = api.get(f"{CALICO[0]}/ipamconfigs/default") or {}
    if (configuration.get("spec") or {}).get("strictAffinity"):
        return []
    return items(api, f"{CALICO[0]}/ipamblocks")


def _endpoints(api: Api, pool: ThreadPoolExecutor, keys: list[services.Key]) -> Iterable[Manifest]:
    """The endpoints of these services: EndpointSlices where the API has them (Kubernetes 1.21), else Endpoints."""
    if api.get(SLICES) is not None:
        names = sorted({name for _, name in keys})
        chunks = [names[start : start + SELECTOR_NAMES] for start in range(0, len(names), SELECTOR_NAMES)]
        selectors = ({"labelSelector": f"{services.SLICE_OWNER} in ({','.join(chunk)})"} for chunk in chunks)
        pages = pool.map(lambda selector: items(api, f"{SLICES}/endpointslices", selector), selectors)
        return [one for page in pages for one in page]
    if len(keys) > SINGLE_READS:
        return items(api, "/api/v1/endpoints")
    read = pool.map(lambda key: api.get(f"/api/v1/namespaces/{key[0]}/endpoints/{key[1]}"), keys)
    return [one for one in read if one is not None]
