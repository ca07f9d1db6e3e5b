"""Preflight and preparation of a node: observe, plan, apply."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.fetch import fetch
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import api_if_there
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.nodes import facts, plan, preflight, refusals, systems
from tasks.nodes.facts import NodeFacts
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.nodes.packages import asked_for, installed, lacking
from tasks.nodes.repository import LOOK_UP_SECONDS, Repository
from tasks.nodes.systems import System

FACTS = Memory[NodeFacts]("what each node says of itself")
KNOWN_VERSIONS = Memory[dict[str, str]]("the versions of the nodes that the API knows")
KEYRING = Memory[str]("the keys of a package repository")


def keep_facts(run: Run, shell: SshShell, seen: Seen, asked_at: float) -> None:
    """What preflight needs to know; kept, since it compares the nodes with each other.

    Args:
        run: the running run.
        shell: of the node.
        seen: the answers to facts.questions().
        asked_at: the controller's clock when the node began to answer.

    """
    found = facts.facts(run.intent, seen, asked_at)
    upgrade = found.member and found.kubernetes not in ("", run.intent.software.kubernetes)
    if preflight.supported(found) and not upgrade and found.lacking:
        found = replace(found, repository=_look_up(run, shell, found.system))
    run.keep(FACTS, found, of=shell.host)


def _look_up(run: Run, shell: SshShell, system: System) -> Repository:
    """What the repositories have: asked only where a package is lacking, since it costs a fetch."""
    manager = manager_of(system)
    question = manager.question(run.intent, _keyrings(run, system), asked_for(system))
    return manager.answered(ask(shell, {"repository": question}, deadline=LOOK_UP_SECONDS)["repository"])


def _observed(run: Run) -> Mapping[str, NodeFacts]:
    return {node.name: found for node in run.intent.nodes if (found := run.recall(FACTS, of=node.name))}


def refuse_for_all(run: Run) -> None:
    """Refuse for every host of the run, routers too, where the version is wrong for the whole cluster.

    Raises:
        RefusedError: the same for all, so that it is told once.

    """
    observed = _observed(run)
    others = [node for node in run.intent.nodes if node.name not in run.chosen]
    known = {}
    if observed and others:  # nobody has looked at them, and this run may add a node to them
        known = run.once(KNOWN_VERSIONS, partial(_versions_by_api, run))
    refusal = refusals.refusal(run.intent, observed, known)
    if refusal:
        raise refusal


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
    found = preflight.reasons(run.intent, run.intent.node(task.host.name), _observed(run))
    if found:
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=task.host.name)
    remark = systems.remark(_observed(run)[task.host.name].system)
    return done(task, summary=f"all clear; {remark}" if remark else "all clear")


@hands_over(needs=(FACTS,))
def prepare(task: Task, run: Run) -> Result:
    """Bring a Linux machine to where kubeadm can begin."""
    shell = open_shell(run.nornir, task.host.name)
    asked = ask(shell, plan.questions(run.intent), plan.paths(run.intent), deadline=INSTALL_SECONDS + 30)
    seen = at_rest(asked, task.host.name)
    node = run.intent.node(task.host.name)
    system = systems.read(seen["system"])
    repository = _repository_for(run, shell, system, seen)
    changes = plan.plan(run.intent, node, seen, _keyrings(run, system), repository)
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


def _repository_for(run: Run, shell: SshShell, system: System, seen: Seen) -> Repository:
    """What preflight has looked up; looked up now where a package has gone since then."""
    observed = run.recall(FACTS, of=shell.host)
    if observed and observed.repository:
        return observed.repository
    lacks = lacking(run.intent, system, installed(seen["packages"]), seen["programs"].lines)
    return _look_up(run, shell, system) if lacks else Repository()


def _keyrings(run: Run, system: System) -> dict[str, str]:
    """The keys that the repositories' packages are signed with: path on the node -> text; fetched once a run."""
    return {
        path: run.once(KEYRING, partial(fetch, address, run.settings.folder), of=address)
        for path, address in manager_of(system).keyrings(run.intent).items()
    }
