"""What breaks in the cluster itself: one server of its API, and a node that goes on announcing what has moved; undone as in breaking.py."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.lab.breaking import NODE, OTHER, READY_SECONDS, Make
from tests.lab.devices import Kubectl, routes_of_kernel
from tests.lab.laboratory import ADDRESSES, MASTERS, ROUTERS, Laboratory, wait_for
from tests.lab.local_service import LocalService

SERVER = MASTERS[1]
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
KEPT = "/etc/kubernetes/kube-apiserver.yaml"  # where no kubelet looks
STARTS_SECONDS = 120


def api_server(do: str, undo: str) -> Make:
    """A command about one server of the API, and the one that undoes it; afterwards all serve, and what stands on them runs."""

    @contextmanager
    def made(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
        try:
            lab.inside(SERVER, do)
            yield
        finally:
            lab.inside(SERVER, undo)
            wait_for("every API server serves", lambda: _serving(cluster) == _own(MASTERS), READY_SECONDS, pause=2)
            wait_for("the control planes' pods are ready", lambda: not _unready(cluster), READY_SECONDS, pause=2)

    return made


def _own(nodes: tuple[str, ...]) -> set[str]:
    return {ADDRESSES[name] for name in nodes}


def _serving(cluster: Kubectl) -> set[str]:
    """The addresses that the API has for itself."""
    slices = cluster.get("endpointslices", "-n", "default", "-l", "kubernetes.io/service-name=kubernetes")
    return {address for one in slices for endpoint in one.get("endpoints") or [] for address in endpoint["addresses"]}


def _unready(cluster: Kubectl) -> set[str]:
    """Pods of the control planes: one that has lost its API server ends, and is started again after a while that grows."""
    return {
        pod["metadata"]["name"]
        for pod in cluster.get("pods", "-n", "kube-system", "-l", "tier=control-plane")
        if not any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
    }


@contextmanager
def left_by_its_endpoint(lab: Laboratory, cluster: Kubectl) -> Iterator[None]:
    """The pod of a Local service has moved, and the node that it was on announces the service's address still."""
    service = LocalService(cluster)
    with ExitStack() as stack:
        stack.callback(service.delete)
        for node in (NODE, OTHER):
            service.on(node)
            wait_for(f"the endpoint is on {node} alone", lambda node=node: service.nodes() == {node}, STARTS_SECONDS)
        (address,) = wait_for("the service has an address", service.balanced, STARTS_SECONDS)
        wait_for(
            f"{OTHER} alone announces {address}",
            lambda: all(routes_of_kernel(lab, router).get(address) == {ADDRESSES[OTHER]} for router in ROUTERS),
            STARTS_SECONDS,
        )
        stack.callback(lab.inside, NODE, f"ip route del blackhole {address}")
        lab.inside(NODE, f"ip route add blackhole {address}")
        yield
