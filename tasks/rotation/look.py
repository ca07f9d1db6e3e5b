"""Which end has which password, before anything is changed; and what is refused."""

from collections.abc import Sequence
from dataclasses import replace

from nornir.core.task import Result, Task

from kubepeer.change import Change
from kubepeer.errors import CommandError, RefusedError
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.cluster import bgp_objects
from tasks.cluster.access import API_SECONDS, ASKED_API, open_api
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.calico import PEERS_PATH
from tasks.cluster.differences import plan_objects
from tasks.control_plane import membership
from tasks.control_plane.endpoint import by_version_3
from tasks.control_plane.kubeadm import KUBEADM_SECONDS
from tasks.control_plane.membership import MEMBER
from tasks.control_plane.preflight import refuse_unusable_passwords
from tasks.control_plane.tasks import keep_membership
from tasks.linux import run_lock
from tasks.linux.holding import OTHER_RUN, look_for_others, refuse_beside_another
from tasks.linux.observe import ask, at_rest
from tasks.linux.shell import open_shell
from tasks.platforms.platform import PLATFORMS
from tasks.rotation.ends import NAMESPACE, NodeEnd, node_end
from tasks.routers import tasks as routers
from tasks.routers.safe_change import change_safely
from tasks.routers.tasks import ANSWERS, order_of

SECRET_PATH = f"/api/v1/namespaces/{NAMESPACE}/secrets/{bgp_objects.SECRET}"
ROUTER_CHANGES = Memory[tuple[Change, ...]]("what changes on each router with the new password")
NODES_CHANGE = Memory[bool]("whether the nodes have another password for a router")
NOTHING = "Nothing was changed."
PLAIN = "python runbooks/drift.py says in what; put the old password back, run deploy.py, and then rotate"


@hands_over(gives=(MEMBER, ANSWERS, OTHER_RUN))
def observe(task: Task, run: Run) -> Result:
    """Connect; a control plane's files and lock, what a router's preflight must know."""
    name = task.host.name
    refuse_unusable_passwords(run)
    if any(router.name == name for router in run.intent.routers):
        return routers.observe(task, run)
    questions = {
        **membership.questions(run.intent),
        "run lock": run_lock.question(wait=not run.options.dry_run),
    }
    seen = at_rest(ask(open_shell(run.nornir, name), questions, membership.FILES, deadline=KUBEADM_SECONDS + 30), name)
    warn_of_what_has_none(run)
    look_for_others(run, name, run_lock.other_run(seen["run lock"]))
    keep_membership(run, name, seen)
    return done(task)


@hands_over(needs=(ANSWERS, OTHER_RUN), gives=(ROUTER_CHANGES, NODES_CHANGE, *ASKED_API))
def preflight(task: Task, run: Run) -> Result:
    """Which password a router and its nodes have; refused where either differs in more than that.

    Raises:
        RefusedError: with the reason; nothing was changed.

    """
    refuse_beside_another(run)
    router = run.intent.router(task.host.name)
    routers.refuse_early(task, run)
    api, wanted = open_api(run, wait_seconds=API_SECONDS), run.bgp_password()
    end = read_end(run, api)
    if not end.stands(router):
        raise RefusedError(
            f"the cluster has no BGPPeer of it. {NOTHING}", host=router.name, cure="python runbooks/deploy.py makes it"
        )
    for peer in bgp_objects.peers_of(router):
        if peer in end.foreign:
            raise RefusedError(
                f"BGPPeer {peer} has its password from Secret {end.foreign[peer]}, which is somebody else's. {NOTHING}",
                host=router.name,
                cure=f"let it refer to {bgp_objects.SECRET}, key {bgp_objects.PASSWORD_KEY}",
            )
    keys = {end.keys[name] for name in bgp_objects.peers_of(router) if name in end.keys}
    differs = plan_objects(api, peers(run, end, router.name, end.key_of(router))) if len(keys) == 1 else []
    if differs:  # of two keys a run was cut off between two families, which have one each
        raise RefusedError(
            f"{', '.join(change.what for _, change in differs)} differs from the inventory in more than its password. {NOTHING}",
            host=router.name,
            cure=PLAIN,
        )
    changes = _of_router(task, run, wanted, end)
    run.keep(ROUTER_CHANGES, changes, of=router.name)
    run.keep(NODES_CHANGE, end.has(router) != {wanted}, of=router.name)
    return done(task, summary="to change" if changes or end.has(router) != {wanted} else "has it")


def warn_of_what_has_none(run: Run) -> None:
    """Tell of passwords that the inventory names, and that this runbook has nothing to do with."""
    cluster = run.intent.cluster
    if run.intent.load_balancer.speaks and run.bgp_password() is not None:
        run.warn("the BGP sessions are those of the load balancer's speakers: their password is not changed here")
    if cluster.endpoint.password is not None and by_version_3(run.intent):
        run.warn("cluster.endpoint.password: VRRP over IPv6 is version 3, which has no authentication (RFC 5798)")


def _of_router(task: Task, run: Run, wanted: str | None, end: NodeEnd) -> tuple[Change, ...]:
    """What changes on the router; it has one of the passwords that the cluster knows, or none, and nothing else is different.

    Raises:
        RefusedError: it differs from the inventory with any of them.

    """
    looking = replace(run, options=replace(run.options, dry_run=True))
    router = run.intent.router(task.host.name)
    changes = change_safely(task, looking, order_of(task, run, router, wanted))
    if not changes or PLATFORMS[router.platform].hides_passwords:
        return changes
    known: list[str | None] = [*end.has(router), *end.values.values(), None]
    if all(change_safely(task, looking, order_of(task, run, router, one)) for one in dict.fromkeys(known)):
        raise RefusedError(
            f"its configuration differs from the inventory in more than a password that the cluster knows. {NOTHING}",
            host=router.name,
            cure="python runbooks/deploy.py" if end.has(router) == {wanted} else PLAIN,
        )
    return changes


def read_end(run: Run, api: KubernetesApi) -> NodeEnd:
    """The nodes' end as the API has it now; every password in it is hidden from then on.

    Raises:
        CommandError: Calico's API does not answer.

    """
    secret, listed = api.get(SECRET_PATH), api.get(PEERS_PATH)
    if listed is None:
        raise CommandError("Calico's API is not served", cure="kubectl get tigerastatus says why")
    end = node_end(run.intent, secret, listed.get("items") or [])
    for value in end.values.values():
        run.redactor.learn(value)
    return end


def peers(run: Run, end: NodeEnd, router: str, key: str | None) -> list[Manifest]:
    """A router's peers as they should be, with their password from this key."""
    names = bgp_objects.peers_of(run.intent.router(router))
    every = bgp_objects.bgp(run.intent, run.bgp_password(), {router: key})
    return [
        one for one in every if one["kind"] == "BGPPeer" and one["metadata"]["name"] in names and names[0] in end.keys
    ]


def secret_and_rights(run: Run, values: dict[str, str]) -> Sequence[Manifest]:
    """The Secret with these keys, and the right to read it."""
    password = next(iter(values.values()))
    every = bgp_objects.bgp(run.intent, password)
    ours = [one for one in every if one["metadata"]["name"] == bgp_objects.SECRET]
    return [one | {"stringData": values} if one["kind"] == "Secret" else one for one in ours]
