"""Preflight and preparation of a node: observe, plan, apply."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from nornir.core.task import Result, Task

from kubepeer.errors import KubepeerError, RefusedError
from kubepeer.fetch import fetch
from kubepeer.intent import Node
from kubepeer.memory import Memory, hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import api_if_there
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask, at_rest
from tasks.linux.shell import SshShell, open_shell
from tasks.nodes import facts, plan, preflight, probe_reasons, probes, refusals, repository
from tasks.nodes.facts import FACTS, NodeFacts
from tasks.nodes.packages import INSTALL_SECONDS, OURS, installed, lacking
from tasks.nodes.repository import LOOK_UP_SECONDS, Repository

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
        found = replace(found, repository=_look_up(run, shell))
    run.keep(FACTS, found, of=shell.host)


def _look_up(run: Run, shell: SshShell) -> Repository:
    """What the repositories have: asked only where a package is lacking, since it costs a fetch."""
    question = repository.question(run.intent, _keyrings(run), (*OURS, "containerd"))
    return repository.answered(ask(shell, {"repository": question}, deadline=LOOK_UP_SECONDS)["repository"])


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
    node, observed = run.intent.node(task.host.name), _observed(run)
    found = preflight.reasons(run.intent, node, observed)
    if preflight.is_new(observed[node.name]):
        found += _probed(run, node, observed)
    if found:
        raise RefusedError("; ".join(found) + ". Nothing was changed.", host=task.host.name)
    return done(task, summary="all clear")


def _probed(run: Run, node: Node, observed: Mapping[str, NodeFacts]) -> list[str]:
    """What is slow to find out, of a node that is not a member yet; a second run does not ask."""
    asked = ask(
        open_shell(run.nornir, node.name), {"probes": probes.question(run.intent, node)}, deadline=probes.SECONDS
    )
    seen = probes.read(asked["probes"])
    for line in probe_reasons.warnings(node, seen):
        run.warn(line)
    alone = all(
        name in observed and preflight.is_new(observed[name]) for name in (one.name for one in run.intent.nodes)
    )
    ours = frozenset(mac for facts in observed.values() for mac in facts.macs) if alone else None
    return probe_reasons.reasons(run.intent, node, seen, ours)


@hands_over(needs=(FACTS,))
def prepare(task: Task, run: Run) -> Result:
    """Bring a Linux machine to where kubeadm can begin."""
    shell = open_shell(run.nornir, task.host.name)
    asked = ask(shell, plan.questions(run.intent), plan.paths(run.intent), deadline=INSTALL_SECONDS + 30)
    seen = at_rest(asked, task.host.name)
    node = run.intent.node(task.host.name)
    changes = plan.plan(run.intent, node, seen, _keyrings(run), _repository_for(run, shell, node.name, seen))
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


def _repository_for(run: Run, shell: SshShell, name: str, seen: Seen) -> Repository:
    """What preflight has looked up; looked up now where a package has gone since then."""
    observed = run.recall(FACTS, of=name)
    if observed and observed.repository:
        return observed.repository
    lacks = lacking(run.intent, installed(seen["packages"]), seen["programs"].lines)
    return _look_up(run, shell) if lacks else Repository()


def _keyrings(run: Run) -> dict[str, str]:
    """The keys that the repositories' packages are signed with: path on the node -> text; fetched once a run."""
    return {
        path: run.once(KEYRING, partial(fetch, address, run.settings.folder), of=address)
        for path, address in run.intent.packages.keyrings.items()
    }
