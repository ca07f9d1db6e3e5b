"""Reasons not to begin that all hosts share: the cluster's API answers, and is not ready; a password that cannot be used."""

from functools import partial

from kubepeer.errors import KubepeerError, RefusedError, UnreachableError
from kubepeer.memory import Memory
from kubepeer.phases import control_planes, routers
from kubepeer.run import Run
from tasks.cluster.access import API_SECONDS, ApiNotReadyError, open_api
from tasks.control_plane.endpoint import refuse_password
from tasks.control_plane.endpoint_seen import another_provider
from tasks.control_plane.given import etcd_files, key
from tasks.control_plane.membership import KUBELET_CONF, MEMBER
from tasks.control_plane.vrrp import vrrp_password

Refusal = tuple[str, str]  # what is said, and the cure
API_REFUSAL = Memory[Refusal | None]("why nothing begins while the API is not ready")
BUSY = Memory[bool]("whether somebody answers at the load balancer while there is no cluster")
PASSWORDS_REFUSED = Memory[Refusal | None]("why nothing begins with these passwords")


def refuse_unready_api(run: Run) -> None:
    """Refuse where an API answers, is waited for, and does not become ready: joins and objects would fail one by one.

    An API that does not answer at all is none of this: what the run puts in place may be what it lacks.

    Raises:
        RefusedError: names the checks that the API does not pass; the same for all hosts, so that it is told once.

    """
    _refuse_all(run, run.once(API_REFUSAL, partial(_refusal, run)))


def _refuse_all(run: Run, said: Refusal | None) -> None:
    if said:
        message, cure = said
        raise RefusedError(f"{message}. Nothing was changed on any host.", host=run.intent.cluster.name, cure=cure)


def _refusal(run: Run) -> Refusal | None:
    """What is said, and the cure; None where nothing stands against a beginning."""
    seen = {node.name: run.recall(MEMBER, of=node.name) for node in run.intent.control_planes}
    holders = [name for name, one in seen.items() if one is not None and one.leftovers]
    if not holders:
        return None
    try:
        try:
            open_api(run)
        except ApiNotReadyError:
            if run.options.dry_run:
                raise
            open_api(run, wait_seconds=API_SECONDS)
    except ApiNotReadyError as error:
        # of the first alone: kubeadm init was cut off, and goes on
        return None if holders == [run.intent.control_planes[0].name] else (error.message, error.cure)
    except UnreachableError:
        return None
    return None


def refuse_unusable_passwords(run: Run) -> None:
    """Refuse where a password that the run will need cannot be read, or one of its two ends could not hold it.

    Raises:
        RefusedError: the same for all hosts, so that it is told once.

    """
    _refuse_all(run, run.once(PASSWORDS_REFUSED, partial(_unusable_password, run)))


def refuse_begun_restore(run: Run) -> None:
    """Refuse where restore.py was cut off: kubeadm would begin a cluster, or join one, over data that is being restored.

    Raises:
        RefusedError: the same for all hosts, so that it is told once.

    """
    seen = {node.name: run.recall(MEMBER, of=node.name) for node in run.intent.control_planes}
    if begun := [name for name, one in seen.items() if one is not None and one.restoring]:
        said = f"restore.py has not come to its end ({', '.join(begun)})"
        _refuse_all(run, (said, "run it again (python runbooks/restore.py BACKUP)"))


def refuse_another_provider(run: Run) -> None:
    """Refuse where the endpoint's provider is another than the one that the cluster lives with.

    Raises:
        RefusedError: the same for all hosts, so that it is told once.

    """
    seen = {node.name: run.recall(MEMBER, of=node.name) for node in run.intent.control_planes}
    members = {name: one.endpoint for name, one in seen.items() if one is not None and KUBELET_CONF in one.leftovers}
    _refuse_all(run, another_provider(run.intent, members))


def refuse_busy_load_balancer(run: Run) -> None:
    """Refuse where somebody answers at an external load balancer's address while no control plane holds a cluster.

    Raises:
        RefusedError: the same for all hosts, so that it is told once.

    """
    if run.intent.cluster.endpoint.provider == "external" and run.once(BUSY, partial(_is_busy, run)):
        endpoint = run.intent.cluster.endpoint
        said = f"somebody answers at {endpoint.at} already, and no control plane of the inventory holds a cluster"
        cure = "give the load balancer these control planes as its only backends, or correct cluster.endpoint"
        _refuse_all(run, (said, cure))


def _is_busy(run: Run) -> bool:
    """Asked only where all control planes were looked at: one that was left out may hold the cluster that answers."""
    seen = [run.recall(MEMBER, of=node.name) for node in run.intent.control_planes]
    if not all(one is not None and not one.leftovers for one in seen):
        return False
    from tasks.control_plane.load_balancer import somebody_answers  # noqa: PLC0415  few have one

    return somebody_answers(str(run.intent.cluster.endpoint.address), run.intent.cluster.endpoint.port)


def _unusable_password(run: Run) -> Refusal | None:
    nodes = list(control_planes(run))  # the cluster's objects are written in the name of one of them
    try:
        if nodes or list(routers(run)):
            run.bgp_password()
        if nodes:
            refuse_password(vrrp_password(run))
            key(run)
            etcd_files(run)
    except KubepeerError as error:
        return error.message, error.cure
    return None
