"""Before the first phase of a run on routers alone: the nodes of the cluster, as its API tells of them."""

from concurrent.futures import ThreadPoolExecutor

from kubepeer.errors import InventoryError
from kubepeer.intent.rules import of_adopted
from kubepeer.run import Run
from tasks.adopt import members
from tasks.adopt.peers import Speaking, Spoken, spoken
from tasks.cluster.access import open_api
from tasks.platforms.platform import PLATFORMS
from tasks.routes.cluster import Api, calico_groups, calico_items, calico_object, items
from tasks.routes.metallb_cluster import GROUP

SKIPPED = (
    "its nodes are known by its API alone: what is asked of nodes by SSH is left out (who holds the API's address, the nodes' ways to each"
    " other's pods), and nothing but routers is changed"
)


def read_speaking(api: Api, *, speakers: bool) -> Speaking:
    """The objects that say who speaks to whom, all lists at the same time."""
    with ThreadPoolExecutor(4) as pool:
        nodes = pool.submit(items, api, "/api/v1/nodes")
        if speakers:
            peers = pool.submit(items, api, f"{GROUP}/v1beta2/bgppeers")
            return Speaking(nodes=tuple(nodes.result()), metallb=tuple(peers.result()))
        groups = calico_groups(api)
        configuration = pool.submit(calico_object, api, groups, "bgpconfigurations/default")
        peers = pool.submit(calico_items, api, groups, "bgppeers")
        return Speaking(
            nodes=tuple(nodes.result()), bgp_configuration=configuration.result(), calico=tuple(peers.result())
        )


def know_members(run: Run) -> None:
    """Put the nodes that the cluster's API tells of into the run's intent.

    Raises:
        KubepeerError: the API cannot be asked.
        InventoryError: what it tells does not fit the inventory.

    """
    speakers = run.intent.load_balancer.speaks
    found = spoken(
        read_speaking(open_api(run, wait_seconds=run.options.wait_seconds), speakers=speakers), speakers=speakers
    )
    _refuse_silence(run, found)
    run.intent = run.intent.model_copy(update={"nodes": members.nodes(run.intent, found)})
    for one in of_adopted(run.intent, PLATFORMS):
        where = "".join(f"{part}: " for part in (one.host, one.key) if part)
        raise InventoryError(
            f"{run.intent.cluster.name}: with the nodes that its API tells of: {where}{one.what}. Nothing was changed.",
            cure=one.cure,
        )
    for line in (*members.differences(run.intent, found), *found.unread):
        run.warn(line)
    run.warn(f"{run.intent.cluster.name}: {SKIPPED}")


def _refuse_silence(run: Run, found: Spoken) -> None:
    if found.sessions:
        return
    who = "MetalLB" if run.intent.load_balancer.speaks else "Calico"
    raise InventoryError(
        f"{run.intent.cluster.name}: no node of the cluster is told to speak BGP to a router: there is no BGPPeer of {who}'s for one",
        cure="BGPPeers; or load_balancer.announced_by: metallb or calico, whoever it is that speaks",
    )
