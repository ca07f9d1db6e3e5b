"""What the cluster should announce now: asked of its API, or of the inventory alone."""

import time
from collections.abc import Iterable
from math import floor

from kubepeer.errors import UnreachableError
from kubepeer.intent import Router
from kubepeer.run import Run
from tasks.cluster.access import open_api
from tasks.cluster.api import KubernetesApi
from tasks.routes import from_inventory, metallb, metallb_cluster
from tasks.routes.cluster import read_objects
from tasks.routes.expected import OLDEST_CALICO, Announced, announced
from tasks.routes.left import ANNOUNCED, METALLB

INTERVAL_SECONDS = (
    2.0  # between two questions: a quarter of the shortest hold time in use (9 s), and no load on a router
)


def what_is_announced(run: Run, router: Router | None = None, began: float = 0) -> Announced:
    """What the cluster should announce now; read once for all routers that ask at the same time.

    Args:
        run: the running run.
        router: to whom; None: what Calico itself has, pod blocks above all, whoever may be told of them.
        began: when it was decided to ask (time.monotonic()): those who decided together share an answer, although one was logged
            in to a moment later. Not where that has taken long.

    """
    if from_inventory.by_inventory(run):
        return _by_inventory(run)
    api = _open_api(run)
    now = time.monotonic()
    moment = floor((began if now - began < INTERVAL_SECONDS else now) / INTERVAL_SECONDS)
    if router is not None and run.intent.load_balancer.speaks:
        objects = run.once(METALLB, lambda: metallb_cluster.read_objects(api), of=moment)
        return metallb.announced(objects, router.address, run.intent.cluster.networks.load_balancers)
    return run.once(ANNOUNCED, lambda: _by_calico(run, api), of=moment)


def announced_now(run: Run, names: Iterable[str]) -> dict[str, Announced]:
    """The same for several routers, read anew at each call, and kept nowhere."""
    if from_inventory.by_inventory(run):
        return dict.fromkeys(names, _by_inventory(run))
    api = _open_api(run)
    if not run.intent.load_balancer.speaks:
        return dict.fromkeys(names, _by_calico(run, api))
    objects, network = metallb_cluster.read_objects(api), run.intent.cluster.networks.load_balancers
    return {name: metallb.announced(objects, run.intent.router(name).address, network) for name in names}


def _by_inventory(run: Run) -> Announced:
    for line in from_inventory.not_compared(run.intent):
        run.warn(f"--intent inventory: {line}")
    return from_inventory.announced(run.intent)


def _by_calico(run: Run, api: KubernetesApi) -> Announced:
    cluster = run.intent.cluster
    services = cluster.bgp.announced_services(cluster.networks)
    calico = OLDEST_CALICO if cluster.adopted else run.intent.software.calico
    return announced(read_objects(api), services, calico, cluster.networks.versions)


def _open_api(run: Run) -> KubernetesApi:
    """The API; where the command line could do without it, and it does not answer, the cure says so."""
    try:
        return open_api(run)
    except UnreachableError as error:
        if "intent" in run.options.further:
            error.cure = f"{error.cure}; --intent inventory compares with what the inventory alone decides"
        raise
