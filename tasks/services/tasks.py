"""Prove the data path: read the cluster, look at the nodes, send the traffic; what was found is judged in verdict.py."""

import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import RefusedError
from kubepeer.intent.families import IPV4, named
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster.access import API, ASKED_API, open_api
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.platforms.platform import PLATFORMS
from tasks.routes.cluster import SLICES
from tasks.services import answers, looking, script, temporary
from tasks.services.judge import Red, Traffic, judge
from tasks.services.left import MADE, NODE_SEEN, READER, SILENT, TRAFFIC, WORKLOAD
from tasks.services.matrix import Source, Workload, cells
from tasks.services.workload import NAMESPACE, workload

LOOK_SECONDS = 30
GRACE_SECONDS = 60  # beyond what the script takes: a machine that is busy
AGAIN_SECONDS = 2.0


def one_that_reads(run: Run) -> Iterable[str]:
    """The control plane in whose name the cluster is read, whoever was chosen; the same one throughout the run."""
    failed = run.nornir.data.failed_hosts
    name = run.once(
        READER, lambda: next((one.name for one in run.intent.control_planes if one.name not in failed), None)
    )
    return [] if name is None else [name]


def all_nodes(run: Run) -> Iterable[str]:
    """Every node: they are only asked."""
    return [node.name for node in run.intent.nodes]


def sources(run: Run) -> Iterable[str]:
    """The hosts that try, of those that were chosen: probing hosts, routers with a shell of Linux, nodes."""
    routers = [router.name for router in run.intent.routers if not why_silent(run, router.name)]
    names = [*(probe.name for probe in run.intent.probes), *routers, *(node.name for node in run.intent.nodes)]
    return [name for name in names if name in run.chosen]


def why_silent(run: Run, name: str) -> str:
    """Why a router cannot try; "" where it can."""
    router = run.intent.router(name)
    if not PLATFORMS[router.platform].on_linux:
        return f"platform {router.platform} has no shell of Linux to try from"
    return "its sessions are in a VRF, and its shell is not" if router.peering.vrf else ""


@hands_over(gives=(WORKLOAD, MADE, *ASKED_API))
def read(task: Task, run: Run) -> Result:
    """The workload as the cluster has it, with a service of policy Local for the time of the test.

    Raises:
        RefusedError: there is no workload to try, or nobody who can; or the cluster has addresses that would not be tried.

    """
    versions = run.intent.cluster.networks.versions
    if versions != (IPV4,):
        raise RefusedError(
            f"addresses of IPv4 alone are tried, and the cluster has {named(versions)}: a green answer would say little",
            host=task.host.name,
            cure="python runbooks/verify_routes.py proves the routes of both families",
        )
    if not list(sources(run)):
        raise RefusedError(
            "none of the chosen hosts can try anything: a green answer would say nothing",
            host=task.host.name,
            cure="choose hosts of the group probes, nodes, or routers with a shell of Linux",
        )
    api = open_api(run, wait_seconds=run.options.wait_seconds)
    of_namespace = f"/api/v1/namespaces/{NAMESPACE}"
    services = api.items(f"{of_namespace}/services")
    if not services:
        raise RefusedError(
            f"the cluster has no services in namespace {NAMESPACE}: there is nothing to try",
            host=task.host.name,
            cure="python runbooks/deploy.py brings the workload",
        )
    if run.options.dry_run:
        run.warn("the Local service was not made, and not tried: --dry-run")
    elif why := temporary.make(run, api, services):
        run.warn(f"not tried: the Local service: {why}")
    paths = ("/api/v1/nodes", f"{of_namespace}/pods", f"{of_namespace}/services")
    slices = f"{SLICES}/namespaces/{NAMESPACE}/endpointslices"
    with ThreadPoolExecutor(len(paths) + 1) as pool:
        nodes, pods, listed, parts = pool.map(api.items, (*paths, slices))
    found = workload(run.intent, nodes, pods, listed, parts)
    run.keep(WORKLOAD, found)
    return done(task, summary=f"{len(found.pods)} pods, {len(found.targets)} addresses")


@hands_over(gives=(NODE_SEEN,))
def look(task: Task, run: Run) -> Result:
    """A node's own addresses, the MTU of its card, and the processes of its pods."""
    name = task.host.name
    asked = looking.questions(run.intent.node(name).interface)
    seen = looking.node_seen(ask(open_shell(run.nornir, name), asked, deadline=LOOK_SECONDS).answers)
    run.keep(NODE_SEEN, seen, of=name)
    return done(task)


@hands_over(needs=(WORKLOAD, NODE_SEEN), gives=(TRAFFIC, SILENT))
def send(task: Task, run: Run) -> Result:
    """Open the connections of a host's cells, and count; again until all is well or time is up (--wait)."""
    name = task.host.name
    ends = time.monotonic() + run.options.wait_seconds
    while True:
        last = time.monotonic() >= ends
        traffic = _tried(run, name)
        run.keep(TRAFFIC, traffic, of=name)
        wrong = len(reds_of(run, name))
        if not wrong or last:
            return done(task, summary=f"{wrong} findings red" if wrong else "all answered")
        waiting(f"{wrong} of {len(traffic.cells)} cells are red")
        time.sleep(min(AGAIN_SECONDS, max(0.0, ends - time.monotonic())))  # what heals tells nobody


def _tried(run: Run, name: str) -> Traffic:
    found, options = workload_of(run, name), run.options.further
    ipvs = run.intent.software.proxy_mode == "ipvs"
    make = partial(cells, workload=found, connections=options["connections"], ipvs=ipvs)
    matrix = [cell for source in _sources_on(run, name, found) for cell in make(source)]
    seen = [one for node in run.intent.nodes if (one := run.recall(NODE_SEEN, of=node.name))]
    bounds = {"seconds": options["seconds"], "timeout": options["timeout"]}
    asked = script.questions(matrix, **bounds, mtu=looking.path_mtu(seen))
    said = ask(open_shell(run.nornir, name), asked, deadline=script.longest(**bounds) + GRACE_SECONDS).answers
    if said["tool"].code:
        run.keep(SILENT, "it has neither curl nor wget to try with", of=name)
        return Traffic(name)
    return Traffic(name, answers.owned(said["addresses"].text), matrix, answers.parse(said["traffic"].text))


def _sources_on(run: Run, name: str, found: Workload) -> list[Source]:
    """Who tries on a host: a node itself, and a pod of the workload there; else the host, from outside."""
    if name not in [node.name for node in run.intent.nodes]:
        return [Source("outside", name)]
    seen = run.recall(NODE_SEEN, of=name)
    processes = (seen.pods if seen else None) or {}
    here = [pod.address for pod in found.pods if pod.node == name and pod.ready and pod.address in processes]
    return [Source("node", name), *(Source("pod", name, address, processes[address]) for address in here[:1])]


def workload_of(run: Run, name: str) -> Workload:
    """What a host tries; by a router's own routes only the nodes can be entered that peer with it."""
    found = run.recall(WORKLOAD) or Workload()
    router = next((one for one in run.intent.routers if one.name == name), None)
    if router is None:
        return found
    peers = {node.name for node in run.intent.peers_of(router)}
    strangers = frozenset(node.name for node in run.intent.nodes if node.name not in peers)
    return replace(found, excluded=found.excluded | strangers)


def addresses(run: Run) -> dict[str, Collection[str]]:
    """The own addresses of all hosts that were asked for them."""
    found: dict[str, Collection[str]] = {}
    for name in run.nornir.inventory.hosts:
        if traffic := run.recall(TRAFFIC, of=name):
            found[name] = traffic.addresses
    for node in run.intent.nodes:
        if seen := run.recall(NODE_SEEN, of=node.name):
            found[node.name] = seen.addresses
    return found


def reds_of(run: Run, name: str) -> list[Red]:
    """What is not as it should be, of all that a host has tried."""
    traffic = run.recall(TRAFFIC, of=name)
    if traffic is None:
        return []
    return [red for _, red in judge(traffic, workload_of(run, name), addresses(run)) if red]


@hands_over(needs=(API, MADE), gives=(MADE,))
def clean_up(task: Task, run: Run) -> Result:
    """Take the Local service away."""
    temporary.take_away(run)
    return done(task)
