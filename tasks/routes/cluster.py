"""Read from the live cluster what decides its announcements: all lists at the same time, in pages."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

from tasks.routes import services
from tasks.routes.expected import ClusterObjects, Manifest
from tasks.routes.legible import items_of, legible_objects

STORED, V3 = "/apis/crd.projectcalico.org/v1", "/apis/projectcalico.org/v3"
V3_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org"
# kind of crd.projectcalico.org/v1 -> its name where it is a CRD of projectcalico.org/v3 (Calico 3.32 on)
NATIVE = {"ipamconfigs": "ipamconfigurations"}
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


@legible_objects()
def read_objects(api: Api) -> ClusterObjects:
    """Nodes, blocks, pools, BGPConfiguration, services; and endpoints where it depends on them who announces a service."""
    with ThreadPoolExecutor(REQUESTS) as pool:
        together = partial(_start, pool)
        api_group = together(lambda: calico_groups(api))
        nodes = together(lambda: items(api, "/api/v1/nodes"))
        all_services = together(lambda: items(api, "/api/v1/services"))
        groups = api_group()
        affinities = together(lambda: calico_items(api, groups, "blockaffinities"))
        pools = together(lambda: calico_items(api, groups, "ippools"))
        blocks = together(lambda: _ipam_blocks(api, groups))
        configuration = together(lambda: calico_object(api, groups, "bgpconfigurations/default"))
        peers = together(lambda: calico_items(api, groups, "bgppeers"))
        filters = together(lambda: calico_items(api, groups, "bgpfilters"))
        cluster = together(lambda: calico_object(api, groups, "clusterinformations/default"))
        advertised = services.Advertised.read(configuration())
        asked = [services.key_of(service) for service in all_services() if advertised.by_endpoints(service)]
        endpoints = endpoints_of(api, pool, asked) if asked else []
        return ClusterObjects(
            nodes=tuple(nodes()),
            block_affinities=tuple(affinities()),
            ip_pools=tuple(pools()),
            ipam_blocks=tuple(blocks()),
            bgp_configuration=configuration(),
            services=tuple(all_services()),
            endpoints=tuple(endpoints),
            bgp_peers=tuple(peers()),
            bgp_filters=frozenset(one["metadata"]["name"] for one in filters()),
            calico_version=str(((cluster() or {}).get("spec") or {}).get("calicoVersion") or ""),
        )


def calico_groups(api: Api) -> tuple[str, ...]:
    """Calico's API groups, the one first that keeps the objects.

    projectcalico.org/v3 is served by Calico's own API server, which keeps them as crd.projectcalico.org/v1 (it needs Kubernetes' datastore,
    Calico's documentation of it says) and is away for minutes when its nodes are lost: it is not asked. From Calico 3.32 on its kinds may
    be CRDs themselves, and then nobody looks at what is still there of the other group.
    """
    spec = (api.get(V3_SERVICE) or {}).get("spec")
    if not spec:
        return (STORED, V3)
    return (STORED,) if spec.get("service") else (V3, STORED)


def items(api: Api, path: str, query: dict[str, str] | None = None) -> list[Manifest]:
    """All items of a list, page by page; none where there is no such API."""
    found: list[Manifest] = []
    token = ""
    while True:
        answer = api.get(path, (query or {}) | {"limit": str(PAGE)} | ({"continue": token} if token else {}))
        if answer is None:
            return found
        found.extend(items_of(answer, path))
        token = (answer.get("metadata") or {}).get("continue") or ""
        if not token:
            return found


def _start(pool: ThreadPoolExecutor, read: Callable[[], Got]) -> Callable[[], Got]:
    """Begin to read; the result waits for the end."""
    return pool.submit(read).result


def calico_path(group: str, path: str) -> str:
    """Where one of Calico's groups has a kind, or an object of it."""
    plural, slash, name = path.partition("/")
    return f"{group}/{NATIVE.get(plural, plural) if group == V3 else plural}{slash}{name}"


def calico_items(api: Api, groups: Iterable[str], plural: str) -> list[Manifest]:
    """The objects of the first of Calico's groups that has any."""
    for group in groups:
        found = items(api, calico_path(group, plural))
        if found:
            return found
    return []


def calico_object(api: Api, groups: Iterable[str], path: str) -> Manifest | None:
    """The object of the first of Calico's groups that has it."""
    for group in groups:
        found: Manifest | None = api.get(calico_path(group, path))
        if found is not None:
            return found
    return None


def _ipam_blocks(api: Api, groups: Iterable[str]) -> list[Manifest]:
    """The allocations, needed only where a node may borrow addresses: not under strictAffinity."""
    configuration = calico_object(api, groups, "ipamconfigs/default") or {}
    if (configuration.get("spec") or {}).get("strictAffinity"):
        return []
    return calico_items(api, groups, "ipamblocks")


def endpoints_of(api: Api, pool: ThreadPoolExecutor, keys: list[services.Key]) -> Iterable[Manifest]:
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
