"""The matrix: who tries, what is tried, and which of it makes sense. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

From = Literal["outside", "node", "pod"]
Kind = Literal["pod", "cluster-ip", "node-port", "load-balancer", "local", "local-node-port"]
KINDS: tuple[Kind, ...] = ("pod", "cluster-ip", "node-port", "load-balancer", "local", "local-node-port")
LOCAL_KINDS = ("local", "local-node-port")
HTTP = 80
# Four pods and six nodes: one of them in a hundred cells that is missed by chance is one too many
FEW, SOME, MANY = 2, 8, 40


@dataclass(frozen=True)
class Pod:
    """A pod of the workload."""

    name: str
    address: str
    node: str
    ready: bool = True


@dataclass(frozen=True)
class Target:
    """An address and a port that somebody answers at.

    Attributes:
        service: its name; "" of a pod's own address.
        node: of a pod, or whose node port it is.

    """

    kind: Kind
    address: str
    port: int = HTTP
    service: str = ""
    node: str = ""

    @property
    def authority(self) -> str:
        """Address and port, as a URL has them."""
        return self.address if self.port == HTTP else f"{self.address}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether only nodes with an endpoint take it (externalTrafficPolicy Local)."""
        return self.kind in LOCAL_KINDS

    def __str__(self) -> str:
        return f"{self.kind} {self.authority}"


@dataclass(frozen=True)
class Workload:
    """What there is to try.

    Attributes:
        pods: of the workload, with an address.
        endpoints: service -> the addresses of its ready endpoints.
        nodes: the cluster's nodes: name in the inventory -> address.
        excluded: the nodes that take no traffic for services from outside (node.kubernetes.io/exclude-from-external-load-balancers).
        without: service -> why nobody answers for it.

    """

    pods: tuple[Pod, ...] = ()
    targets: tuple[Target, ...] = ()
    endpoints: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def entrances(self) -> frozenset[str]:
        """The nodes that traffic for service addresses may enter by."""
        return frozenset(self.nodes) - self.excluded

    def nodes_behind(self, target: Target) -> frozenset[str]:
        """The nodes of the pods that may answer."""
        if target.kind == "pod":
            return frozenset({target.node})
        addresses = self.endpoints.get(target.service, frozenset())
        return frozenset(pod.node for pod in self.pods if pod.address in addresses)


@dataclass(frozen=True)
class Source:
    """Who tries.

    Attributes:
        host: the name in the inventory: of a pod, that of its node.
        pod: its address, where it is one.
        process: on the node, one that lives in the pod's network; 0 of the host itself.

    """

    kind: From
    host: str
    pod: str = ""
    process: int = 0

    def __str__(self) -> str:
        return f"pod {self.pod}" if self.pod else self.host


@dataclass(frozen=True)
class Cell:
    """One source, one target.

    Attributes:
        connections: how many are opened.
        full: each carries one packet of the path's whole MTU.

    """

    source: Source
    target: Target
    connections: int = FEW
    full: bool = False

    @property
    def check(self) -> str:
        """The name of its check."""
        return "mtu" if self.full else "traffic"

    def __str__(self) -> str:
        return f"{self.source} to {self.target}"


def cells(source: Source, workload: Workload, *, connections: int, ipvs: bool = False) -> Iterator[Cell]:
    """All cells of one source.

    Args:
        source: who tries.
        workload: what there is.
        connections: from outside to each load balancer address; they are counted by the node that they entered by.
        ipvs: kube-proxy's mode; there a node without an endpoint has nothing to send a connection of its own to a Local service to.

    """
    for target in workload.targets:
        if ipvs and target.local and source.kind != "outside":
            continue
        if target.kind == "local-node-port" and target.node not in workload.nodes_behind(target):
            continue  # it answers nobody there, as it should
        yield Cell(source, target, _count(source, target, connections))
    if source.kind == "outside":
        yield from (Cell(source, target, MANY, full=True) for target in workload.targets if _full(target))


def _count(source: Source, target: Target, connections: int) -> int:
    if target.kind == "pod":
        return FEW
    if target.kind == "load-balancer" and source.kind == "outside":
        return connections
    return MANY if target.kind in ("cluster-ip", "local") and source.kind == "outside" else SOME


def _full(target: Target) -> bool:
    return target.kind in ("pod", "load-balancer")


def not_tried(sources: Iterable[Source], *, probes: bool, ipvs: bool, silent: Mapping[str, str]) -> Iterator[str]:
    """What the matrix leaves out, a line each.

    Args:
        sources: those that try.
        probes: whether the inventory has probing hosts.
        ipvs: kube-proxy's mode.
        silent: hosts that cannot try, and why.

    """
    kinds = {source.kind for source in sources}
    if not probes:
        others = "the routers try instead" if "outside" in kinds else "nothing was tried from outside of the cluster"
        yield f"no host is in the group probes: {others}, and what is between a client and a router was not tried"
    elif "outside" not in kinds:
        yield "nothing was tried from outside of the cluster"
    if "pod" not in kinds:
        yield "nothing was tried from pods"
    if ipvs:
        yield "the Local service was not tried from nodes and pods: with IPVS a node without an endpoint has none for its own"
    yield from (f"{name}: {why}" for name, why in silent.items())
