"""Does a cluster stand already? Found out from its API, and from what every control plane holds, before one is born or joined."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Node
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster.access import API_PROBLEM, ApiNotReadyError, api_of_cluster, rewriting
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.refusal import ApiRefusal
from tasks.control_plane import membership as members
from tasks.control_plane import replaced
from tasks.control_plane.birth import Elsewhere, Situation, refusal
from tasks.control_plane.diagnosis import CONTROL_PLANE_PODS, ENDPOINT_PODS
from tasks.control_plane.explain import explain
from tasks.control_plane.membership import MEMBER, MemberSeen
from tasks.linux.shell import Shell, open_shell

HELD = Memory[tuple[tuple[str, ...], str]]("what a control plane that was left out holds of a cluster")
SILENT = ("", "000")  # curl's %{http_code} where no answer came
ANSWER = "curl --noproxy '*' -sk --connect-timeout 2 --max-time 5 -o /dev/null -w '%{{http_code}}' https://{address}/readyz; true"


def cluster_to_join(run: Run, node: Node, seen: MemberSeen) -> KubernetesApi | None:
    """The API of a cluster that is there already; None where there is none, or where kubeadm init was cut off before it was ready.

    Raises:
        ApiNotReadyError: it is there, and does not become ready.

    """
    try:
        return api_of_cluster(run, expected=_has_apiserver(run) and not run.options.dry_run)
    except ApiNotReadyError:
        others = elsewhere(run, node.name)
        if not seen.leftovers or others.holders or others.unknown:
            raise
        return None


def registered_nodes(run: Run, node: Node, api: KubernetesApi) -> Mapping[str, Manifest]:
    """The nodes that the API knows; none yet where kubeadm init was cut off before the administrator has any rights.

    From 1.29 on admin.conf is of a group that kubeadm init binds to its role only when the apiserver has become ready.
    """
    try:
        return api.nodes()
    except ApiRefusal as refused:
        if not refused.forbidden or elsewhere(run, node.name).holders:
            raise
        return {}


def refuse_second_cluster(run: Run, shell: Shell, first: str, here: MemberSeen) -> None:
    """Refuse kubeadm init on the first control plane unless it is known that no cluster stands.

    Args:
        run: the running run.
        shell: of the first control plane.
        first: its name.
        here: what it says about itself.

    Raises:
        CommandError: a cluster stands, or may stand; says where.

    """
    cluster = run.intent.cluster
    address, others = cluster.endpoint.at, elsewhere(run, first)
    answered = shell.run(ANSWER.format(address=address), deadline=10).text.strip() if others.unknown else ""
    answered = "" if answered in SILENT else answered
    situation = Situation(first, address, here, others, answered, rewriting(cluster), first in replaced.named(run))
    found = refusal(situation)
    if found:
        why = why_no_api(run, found.asked) if found.asked else ""
        raise CommandError(f"{found.message}{why}", host=first, cure=found.cure)


def elsewhere(run: Run, name: str) -> Elsewhere:
    """What the other control planes hold of a cluster; they are asked even when a filter has left them out."""
    holders, unknown = [], []
    for other in run.intent.control_planes:
        if other.name == name:
            continue
        seen = run.recall(MEMBER, of=other.name)
        held, why = (seen.leftovers, "") if seen else run.once(HELD, partial(_held, run, other.name), of=other.name)
        if why:
            unknown.append((other.name, why))
        elif held:
            holders.append((other.name, held[0]))
    return Elsewhere(holders, unknown)


def _held(run: Run, name: str) -> tuple[tuple[str, ...], str]:
    """The files of a cluster on a control plane that this run has not looked at; or else why it cannot be asked."""
    try:
        said = open_shell(run.nornir, name).run(members.QUESTIONS["leftovers"], deadline=10)
    except KubepeerError as error:
        return (), error.message
    return tuple(said.text.splitlines()), ""


def why_no_api(run: Run, holder: str = "") -> str:
    """What was said last at the API's address, and what a control plane that holds a cluster says itself."""
    said = [run.recall(API_PROBLEM)]
    if holder:
        with suppress(KubepeerError):  # it cannot be reached; what stands in the way there is not known
            said.append(explain(open_shell(run.nornir, holder), (*ENDPOINT_PODS, *CONTROL_PLANE_PODS)))
    return "".join(f": {one}" for one in said if one)


def _has_apiserver(run: Run) -> bool:
    """Whether kubeadm has come as far as an apiserver on any control plane that was looked at."""
    seen = (run.recall(MEMBER, of=node.name) for node in run.intent.control_planes)
    return any(one is not None and members.APISERVER in one.leftovers for one in seen)
