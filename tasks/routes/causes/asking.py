"""Look at both ends when something is wrong: the router again, the nodes of what is lost, the API's objects; each of them once."""

import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from nornir.core.task import Task

from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError, LoginRefusedError, UnreachableError
from kubepeer.intent.families import Address
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster.access import open_api
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.platforms.hops import ADDRESS
from tasks.platforms.reader import RouterReader
from tasks.platforms.second_look import LooksAgain, RouterLook
from tasks.platforms.seen import RouterSeen
from tasks.routes.causes import cluster_look, node_look
from tasks.routes.causes.cause import Situation
from tasks.routes.causes.cluster_look import ClusterLook
from tasks.routes.causes.explain import explained
from tasks.routes.causes.node_look import NodeLook
from tasks.routes.checks import LAYERS
from tasks.routes.expected import Announced
from tasks.routes.from_inventory import by_inventory
from tasks.routes.selection import addresses_of

LOOK_SECONDS = 20
MOST_NODES = 64  # that are looked at for one router: where more are lost the cause is one of all
AT_ONCE = 20
SALT = Memory[str]("the salt of the digests that stand for passwords")
NODE_LOOK = Memory[NodeLook]("what a node said of itself when something was wrong, by its address")
CLUSTER_LOOK = Memory[ClusterLook]("what the API says of both ends when something is wrong")


def with_causes(
    task: Task, run: Run, findings: Sequence[Finding], seen: RouterSeen, announced: Announced, reader: RouterReader
) -> tuple[Finding, ...]:
    """The findings of a router with the causes of those that have failed; nobody is asked where none has.

    Args:
        task: the router.
        run: the running run.
        findings: about it.
        seen: what they were judged by.
        announced: what they were compared with.
        reader: of its platform.

    """
    if all(finding.ok for finding in findings):
        return tuple(findings)
    router = run.intent.router(task.host.name)
    salt = run.once(SALT, lambda: secrets.token_hex(16))
    intended = {address: node.name for node in run.intent.nodes for address in node.addresses}
    names = intended | {address: node.name for node in run.intent.nodes for address in addresses_of(node, announced)}
    nodes = [address for address in suspects(findings, seen) if address in names][:MOST_NODES]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cluster = pool.submit(lambda: run.once(CLUSTER_LOOK, lambda: _cluster(run)))
        at_router = pool.submit(_router, run, router.name, reader, salt)
        looks = list(pool.map(lambda address: _node(run, names[address], address, salt), nodes))
        situation = Situation(
            router.name,
            router.addresses,
            router.as_number,
            seen,
            announced,
            at_router.result(),
            dict(zip(nodes, looks, strict=True)),
            intended,
            cluster.result(),
        )
    return explained(findings, situation)


def suspects(findings: Iterable[Finding], seen: RouterSeen) -> list[Address]:
    """The nodes to look at: those whose sessions are lost, those whose next hops a prefix lacks, those that brought what nobody expects."""
    found: dict[Address, None] = {}
    for finding in findings:
        if finding.ok:
            continue
        if finding.check == "session":
            found[ip_address(finding.subject)] = None
        elif finding.check in LAYERS.values():
            hops = (*finding.missing, *finding.unexpected)
            found |= dict.fromkeys(ip_address(hop) for hop in hops if ADDRESS.match(hop))
    lost = [address for address in found if not (session := seen.sessions.get(address)) or not session.established]
    return [*lost, *(address for address in found if address not in lost)]


def _node(run: Run, name: str, address: Address, salt: str) -> NodeLook:
    routers = [one for router in run.intent.routers for one in router.addresses if one.version == address.version]

    def look() -> NodeLook:
        if name not in run.nornir.inventory.hosts:
            return NodeLook(unseen="no host of the inventory: nobody has a login")  # of a cluster that was adopted
        version = node_look.family_of(address)
        try:
            asked = node_look.questions(salt, routers, version)
            answers = ask(open_shell(run.nornir, name), asked, deadline=LOOK_SECONDS).answers
            return node_look.read(answers, version, calico=not run.intent.load_balancer.speaks)
        except KubepeerError as error:
            return NodeLook(unseen=error.message, silent=_is_silent(error))

    return run.once(NODE_LOOK, look, of=address)


def _is_silent(error: KubepeerError) -> bool:
    """Whether nobody has answered at all: a login that is refused was answered."""
    return isinstance(error, UnreachableError) and not isinstance(error, LoginRefusedError)


def _router(run: Run, name: str, reader: RouterReader, salt: str) -> RouterLook:
    if not isinstance(reader, LooksAgain):
        return RouterLook(unseen="its platform has no second look")
    files = run.intent.router(name).configuration_files
    try:
        asked = reader.second_questions(salt, files)
        return reader.second_look(ask(open_shell(run.nornir, name), asked, deadline=LOOK_SECONDS).answers, files)
    except KubepeerError as error:
        return RouterLook(unseen=error.message)


def _cluster(run: Run) -> ClusterLook:
    if by_inventory(run):
        return ClusterLook(unseen="by the inventory alone: the API is not asked")
    try:
        return cluster_look.read(open_api(run))
    except KubepeerError as error:
        return ClusterLook(unseen=error.message)
