"""Preflight and preparation of a node: observe, plan, apply."""

from dataclasses import replace
from functools import partial
from urllib.parse import quote

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.fetch import fetch
from kubepeer.intent import Node
from kubepeer.intent.runtime import Login
from kubepeer.memory import CHANGES, Memory, hands_over
from kubepeer.run import Run, done, waiting
from tasks.cluster.access import api_if_there
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.nodes import facts, hosts, images, plan, preflight, probe_reasons, probes, proxy, refusals, systems
from tasks.nodes.comparison import Compared
from tasks.nodes.facts import FACTS, NodeFacts
from tasks.nodes.given import Given
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.nodes.packages import asked_for, installed, lacking
from tasks.nodes.registries import basic
from tasks.nodes.repository import LOOK_UP_SECONDS, Repository
from tasks.nodes.systems import System

KNOWN_VERSIONS = Memory[dict[str, str]]("the versions of the nodes that the API knows")
COMPARED = Memory[Compared]("what the nodes say of themselves, side by side")
REFUSED = Memory[RefusedError | None]("why no host may be touched at all")
OWN_MACS = Memory[frozenset[str] | None]("the hardware addresses of all nodes, where none is a member")
NAMES = Memory[tuple[str, ...]]("the lines of /etc/hosts")
FETCHED = Memory[str]("what was fetched from an address: keys of repositories, certificates of mirrors")
SECRET = Memory[str]("a password of the nodes' own, by what it is for")


def keep_facts(run: Run, shell: SshShell, seen: Seen, asked: tuple[float, float]) -> None:
    """What preflight needs to know; kept, since it compares the nodes with each other.

    Args:
        run: the running run.
        shell: of the node.
        seen: the answers to facts.questions().
        asked: the controller's clock when the node was asked, and when it had answered.

    """
    found = facts.facts(run.intent, seen, asked)
    upgrade = found.member and found.kubernetes not in ("", run.intent.software.kubernetes)
    if preflight.supported(found) and not upgrade and found.lacking:
        found = replace(found, repository=look_up(run, shell, found.system))
    run.keep(FACTS, found, of=shell.host)


def look_up(run: Run, shell: SshShell, system: System) -> Repository:
    """What the inventory's repositories have for a node: asked only where a package is lacking, since it costs a fetch."""
    manager, given = manager_of(system), given_for(run, system)
    question = manager.question(run.intent, given.keyrings, asked_for(system))
    question = proxy.exports(proxy.values(run.intent, given), proxy.repositories(run.intent)) + question
    return manager.answered(ask(shell, {"repository": question}, deadline=LOOK_UP_SECONDS)["repository"])


def side_by_side(run: Run) -> Compared:
    """The facts of all nodes that were looked at; worked out again where something was seen since."""
    seen = run.recall_all(FACTS)

    def compared() -> Compared:
        return Compared.of({node.name: seen.values[node.name] for node in run.intent.nodes if node.name in seen.values})

    return run.once(COMPARED, compared, of=seen)


def refuse_for_all(run: Run) -> None:
    """Refuse for every host of the run, routers too, where the version is wrong for the whole cluster.

    Raises:
        RefusedError: the same for all, so that it is told once.

    """
    refusal = run.once(REFUSED, partial(_refusal, run), of=(run.recall_all(FACTS), run.chosen))
    if refusal:
        raise RefusedError(refusal.message, host=refusal.host, cure=refusal.cure)


def _refusal(run: Run) -> RefusedError | None:
    observed = side_by_side(run).every
    others = any(node.name not in run.chosen for node in run.intent.nodes)
    known = {}
    if observed and others:  # nobody has looked at them, and this run may add a node to them
        known = run.once(KNOWN_VERSIONS, partial(_versions_by_api, run))
    return refusals.refusal(run.intent, observed, known)


def _versions_by_api(run: Run) -> dict[str, str]:
    """Name -> version of the kubelet, of the inventory's nodes that the API knows; nothing where no API answers."""
    try:
        api = api_if_there(run)
        registered = api.items("/api/v1/nodes") if api else []
    except KubepeerError:
        return {}  # whoever needs the API later says why it does not answer
    names = {node.full_name: node.name for node in run.intent.nodes}
    return {
        names[node["metadata"]["name"]]: node["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v")
        for node in registered
        if node["metadata"]["name"] in names
    }


def refuse_early(task: Task, run: Run) -> Result:
    """Refuse to begin where it cannot end well: every reason at once, each with its cure."""
    node, compared = run.intent.node(task.host.name), side_by_side(run)
    own = compared.every[node.name]
    found = preflight.reasons(run.intent, node, compared)
    if preflight.is_new(own):
        found += _probed(run, node, own)
    if found:
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=task.host.name)
    remark = systems.remark(own.system)
    return done(task, summary=f"all clear; {remark}" if remark else "all clear")


def _probed(run: Run, node: Node, own: NodeFacts) -> list[str]:
    """What is slow to find out, of a node that is not a member yet; a second run does not ask."""
    given = given_for(run, own.system)
    mirrors = [mirror.url for mirror in run.intent.registries.values()]
    question = proxy.exports(proxy.values(run.intent, given), mirrors) + probes.question(run.intent, node)
    asked = ask(open_shell(run.nornir, node.name), {"probes": question}, deadline=probes.SECONDS)
    seen = probes.read(asked["probes"])
    for line in probe_reasons.warnings(node, seen):
        run.warn(line)
    ours = run.once(OWN_MACS, partial(_own_macs, run), of=run.recall_all(FACTS))
    return probe_reasons.reasons(run.intent, node, seen, ours)


def _own_macs(run: Run) -> frozenset[str] | None:
    """The hardware addresses of all nodes; None where one may be a member, and hold the API's address."""
    compared = side_by_side(run)
    alone = all(
        node.name in compared.every and preflight.is_new(compared.every[node.name]) for node in run.intent.nodes
    )
    return compared.macs if alone else None


@hands_over(needs=(FACTS,), apart=CHANGES)
def prepare(task: Task, run: Run) -> Result:
    """Bring a Linux machine to where kubeadm can begin."""
    shell = open_shell(run.nornir, task.host.name)
    asked = ask(shell, plan.questions(run.intent), plan.paths(run.intent), deadline=INSTALL_SECONDS + 30)
    seen = at_rest(asked, task.host.name)
    node = run.intent.node(task.host.name)
    system = systems.read(seen["system"])
    repository = _repository_for(run, shell, system, seen)
    changes = plan.plan(run.intent, node, seen, given_for(run, system), repository)
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


@hands_over(needs=(FACTS,), apart=CHANGES)
def pull_images(task: Task, run: Run) -> Result:
    """The images of a node that is no member yet, before it joins; a member's kubelet has its own."""
    node, observed = run.intent.node(task.host.name), run.recall(FACTS, of=task.host.name)
    if not run.intent.software.pull_images or observed is None or observed.member:
        return done(task)
    if run.options.dry_run:
        return done(task, (images.planned(run.intent, node),))
    shell = open_shell(run.nornir, node.name)
    listed = shell.check(images.list_script(run.intent, node), deadline=images.LIST_SECONDS)
    changes = tuple(images.pull(image) for image in images.lacking(listed.text))
    for number, change in enumerate(changes, start=1):
        waiting(f"{change.what} ({number} of {len(changes)})")
        apply(shell, (change,))
    return done(task, changes)


def _repository_for(run: Run, shell: SshShell, system: System, seen: Seen) -> Repository:
    """What preflight has looked up; looked up now where a package has gone since then."""
    observed = run.recall(FACTS, of=shell.host)
    if observed and observed.repository:
        return observed.repository
    lacks = lacking(run.intent, system, installed(seen["packages"]), seen["programs"].lines)
    return look_up(run, shell, system) if lacks else Repository()


def given_for(run: Run, system: System) -> Given:
    """What neither the inventory nor the nodes hold; each is fetched or read once a run, and secrets are hidden from then on."""
    registries, proxies = run.intent.registries, run.intent.proxy
    logins = {name: mirror.login for name, mirror in registries.items() if mirror.login}
    passwords = {name: _password(run, login, f"the password of the mirror of {name}") for name, login in logins.items()}
    for name, login in logins.items():
        run.redactor.learn(basic(login.username, passwords[name]))
    proxy_password = _password(run, proxies.login, "the password of the proxy") if proxies and proxies.login else ""
    run.redactor.learn(quote(proxy_password, safe=""))
    return Given(
        keyrings={path: _fetched(run, address) for path, address in manager_of(system).keyrings(run.intent).items()},
        certificates={name: _fetched(run, mirror.ca) for name, mirror in registries.items() if mirror.ca},
        passwords=passwords,
        proxy_password=proxy_password,
        names=run.once(NAMES, partial(hosts.lines, run.intent)),
    )


def _fetched(run: Run, address: str) -> str:
    return run.once(FETCHED, partial(fetch, address, run.settings.folder), of=address)


def _password(run: Run, login: Login, purpose: str) -> str:
    return run.once(SECRET, lambda: run.redactor.learn(login.password.read(purpose, run.settings.folder)), of=purpose)
