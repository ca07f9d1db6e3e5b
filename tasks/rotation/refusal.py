"""deploy.py changes no password of a cluster that lives: all sessions would end, and their nodes know the new one much later."""

from functools import partial

from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster.access import api_if_there
from tasks.control_plane.membership import KUBELET_CONF, MEMBER
from tasks.control_plane.vrrp import vrrp_password
from tasks.rotation.ends import other_routers
from tasks.rotation.look import read_end
from tasks.rotation.selection import speaks_bgp, speaks_vrrp

OTHER_PASSWORDS = Memory[str]("which passwords of a cluster that lives are others than the inventory's")
RUNBOOK = "python runbooks/rotate_passwords.py changes both ends, one after the other"


def refuse_other_passwords(run: Run) -> None:
    """Refuse where the inventory's passwords are others than those of a cluster that lives.

    Raises:
        RefusedError: the same for all hosts, so that it is told once.

    """
    if said := run.once(OTHER_PASSWORDS, partial(_others, run)):
        raise RefusedError(f"{said}. Nothing was changed on any host.", host=run.intent.cluster.name, cure=RUNBOOK)


def _others(run: Run) -> str:
    return "; ".join(filter(None, (_of_bgp(run), _of_vrrp(run))))


def _of_bgp(run: Run) -> str:
    chosen = [router for router in run.intent.routers if router.name in run.chosen]
    if not speaks_bgp(run) or not (chosen or any(node.name in run.chosen for node in run.intent.control_planes)):
        return ""
    # a run for routers alone is not to know the API from here on: it judges no nodes, and would be judged by all of them
    asking = run if any(node.name in run.chosen for node in run.intent.nodes) else run.apart(run.chosen)
    api = api_if_there(asking)
    if api is None:
        return ""
    try:
        end = read_end(asking, api)
    except KubepeerError:
        return ""  # no network of Calico's is there yet, or it says itself what is wrong with it
    if lost := other_routers(end, run.intent.routers, run.bgp_password()):
        return (
            f"the BGP password of the inventory is not the one that the nodes have for {', '.join(lost)}:"
            " deploy.py would end all of these sessions at once, until it comes to the cluster's network"
        )
    return ""


def _of_vrrp(run: Run) -> str:
    """Of one control plane alone nobody else hears the password."""
    if not speaks_vrrp(run):
        return ""
    seen = {node.name: run.recall(MEMBER, of=node.name) for node in run.intent.control_planes}
    members = {name: one.endpoint for name, one in seen.items() if one is not None and KUBELET_CONF in one.leftovers}
    standing = {name: one.password for name, one in members.items() if one.configured}
    other = [name for name, password in standing.items() if password != vrrp_password(run) and name in run.chosen]
    if len(standing) > 1 and other:
        return (
            f"the VRRP password of the inventory (cluster.endpoint.password) is not the one of {', '.join(other)}:"
            " deploy.py would let two control planes hold the API's address, until it is through"
        )
    return ""
