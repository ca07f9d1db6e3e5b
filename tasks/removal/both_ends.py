"""What remove_node.py does and proves on routers and control planes that are left: as deploy.py does, of the cluster without the node."""

from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, KubepeerError
from kubepeer.given import HOSTS
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster import waits
from tasks.cluster.access import API, ASKED_API
from tasks.control_plane import tasks as control_plane
from tasks.control_plane.membership import MEMBER
from tasks.drain.selection import node_of
from tasks.endpoint import verify_endpoint
from tasks.removal import leftovers, neighbours
from tasks.removal.selection import MEMBERS, is_dead, remaining
from tasks.routers import tasks as routers
from tasks.routers.tasks import WENT_WRONG
from tasks.routes import nodes
from tasks.routes import tasks as routes
from tasks.routes.left import SEEN, UNSEEN

FORGOTTEN_SECONDS = (
    240  # a hold time of Calico's ninety, the router's own, and the timer of a graceful restart after it
)


@hands_over(needs=(MEMBERS,), gives=(WENT_WRONG,))
def take_neighbour(task: Task, run: Run) -> Result:
    """The router's neighbour goes, and what of the filters named it: one safe change."""
    return routers.configure(task, remaining(run))


@hands_over(gives=(SEEN, UNSEEN, *ASKED_API))
def no_neighbour(task: Task, run: Run) -> Result:
    """The router has no neighbour of the node's address; where whoever comes is one, no session with it.

    Raises:
        CommandError: it still has, after the time that a dead session may be kept.

    """
    if run.options.dry_run:
        return done(task)
    router, node = run.intent.router(task.host.name), node_of(run)
    dynamic = router.peering.neighbours == "dynamic"

    def missing() -> str:
        try:
            found = neighbours.left(routes.look(task, run), node.addresses, dynamic=dynamic)
        except CommandError as error:  # it may be reading its configuration
            found = error.message
        if found:
            waiting(found)
        return found

    try:
        waits.until(missing, FORGOTTEN_SECONDS)
    except KubepeerError as error:
        error.host, error.cure = router.name, "run again; python runbooks/verify_routes.py says what the router has"
        raise
    return done(task, summary=f"none of {', '.join(map(str, node.addresses))}")


@hands_over(needs=(MEMBER, MEMBERS), gives=ASKED_API)
def place_endpoint(task: Task, run: Run) -> Result:
    """The endpoint's files of a control plane that is left: the node is a backend no more."""
    return control_plane.place_endpoint(task, remaining(run))


@hands_over(needs=(MEMBERS,), gives=ASKED_API)
def endpoint_right(task: Task, run: Run) -> Result:
    """Exactly one of the control planes that are left holds the API's address."""
    return done(task) if run.options.dry_run else verify_endpoint(task, remaining(run))


@hands_over(needs=(API, MEMBERS), gives=(SEEN, UNSEEN, *ASKED_API))
def verify(task: Task, run: Run) -> Result:
    """Sessions and next hops of every router, of what is left."""
    return routes.verify_when_settled(task, remaining(run))


@hands_over(needs=(API, MEMBERS), gives=ASKED_API)
def verify_nodes(task: Task, run: Run) -> Result:
    """The ways of the nodes that are left to each other's pods."""
    return nodes.verify_pod_routes_when_settled(task, remaining(run))


def remind(task: Task, run: Run) -> Result:
    """What is still to be done by hand."""
    node, given = node_of(run), run.settings.given
    if given is None:
        still = f"{run.settings.shown(run.settings.host_file)} still has {node.name}: take that key out"
    else:
        still = f"{given.where(HOSTS, node.name)} is still in the inventory: give it a role or status there that leaves it out"
    run.warn(
        f"{still}, or the next deploy.py makes it a member again; until then verify_routes.py and"
        " drift.py miss it. What the other nodes know of it (names in /etc/hosts, a firewall's openings) goes with the deploy.py after that"
    )
    if run.intent.cluster.endpoint.provider == "external" and node.role == "control_plane":
        run.warn(f"the load balancer of the API is somebody else's: take {node.address} out of its backends")
    if is_dead(run):
        run.warn(
            f"{node.name} was not cleaned: {leftovers.LEFT_ON_THE_DEAD[node.role]}. Before it is switched on again in this network, wipe"
            " its disk; or, once it answers, run this again without --dead"
        )
    return done(task)
