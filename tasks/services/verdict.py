"""The causes of what is red, asked of nodes and routers, and the findings with them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from nornir.core.task import Result, Task

from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError
from kubepeer.memory import hands_over
from kubepeer.run import Run, done
from tasks.cluster.access import ASKED_API
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.routes.left import SEEN, UNSEEN
from tasks.routes.tasks import verify
from tasks.services import causes, node_state
from tasks.services.judge import LAYER, REMARK, judge, spread_of
from tasks.services.left import NODE_SEEN, NODE_STATE, ROUTER_STATE, SILENT, TRAFFIC, WORKLOAD
from tasks.services.matrix import Workload, not_tried
from tasks.services.node_state import NodeState, RouterState
from tasks.services.tasks import addresses, reds_of, sources, why_silent, workload_of

ASK_SECONDS = 30


def suspects(run: Run) -> Iterable[str]:
    """Every node and router, where anything is red; nobody else has to be asked for causes."""
    if not any(reds_of(run, name) for name in sources(run)):
        return []
    routers = [router.name for router in run.intent.routers]
    return [*(node.name for node in run.intent.nodes), *(name for name in routers if not why_silent(run, name))]


@hands_over(needs=(WORKLOAD, TRAFFIC, NODE_SEEN), gives=(NODE_STATE, ROUTER_STATE, SEEN, UNSEEN, *ASKED_API))
def ask_for_causes(task: Task, run: Run) -> Result:
    """What a node, or a router, says of itself; who cannot be asked is a cause himself, and no failure of this phase."""
    name = task.host.name
    if name in [node.name for node in run.intent.nodes]:
        try:
            run.keep(NODE_STATE, _node(run, name), of=name)
        except KubepeerError as error:
            run.keep(NODE_STATE, NodeState(unseen=error.message), of=name)
        return done(task)
    try:
        said = ask(open_shell(run.nornir, name), node_state.ROUTER_QUESTION, deadline=ASK_SECONDS)["hash"]
        findings = getattr(verify(task, run, 0), "findings", ())
    except KubepeerError as error:
        run.keep(ROUTER_STATE, RouterState(wrong_routes=(f"could not be asked: {error.message}",)), of=name)
    else:
        policy = int(said.text) if said.text.strip().isdigit() else None
        run.keep(ROUTER_STATE, RouterState(policy, tuple(_wrong(findings))), of=name)
    return done(task)


def _node(run: Run, name: str) -> NodeState:
    found = run.recall(WORKLOAD) or Workload()
    known = addresses(run)
    reds = [red for host in sources(run) for red in reds_of(run, host)]
    origins = [one for red in reds for one in causes.origin(red.source, sorted(known.get(red.source.host, ()))[:1])]
    interface = run.intent.node(name).interface
    asked = node_state.questions(
        interface, causes.services(found.targets), [pod.address for pod in found.pods], origins
    )
    said = ask(open_shell(run.nornir, name), asked, deadline=ASK_SECONDS).answers
    homes = {pod.address: found.nodes[pod.node] for pod in found.pods if pod.node in found.nodes}
    return node_state.node_state(said, interface, homes, known.get(name, ()))


def _wrong(findings: Iterable[Finding]) -> Iterable[str]:
    """What is wrong with a router's routes, each prefix once."""
    told: dict[str, str] = {}
    for finding in findings:
        if not finding.ok:
            missing = f" has no next hop {', '.join(finding.missing)}" if finding.missing else ""
            reason = f" ({finding.reason})" if finding.reason else ""
            told.setdefault(finding.subject, f"{finding.subject}{missing}{reason}")
    return told.values()


@hands_over(needs=(WORKLOAD, TRAFFIC, NODE_SEEN, NODE_STATE, ROUTER_STATE, SILENT))
def conclude(task: Task, run: Run) -> Result:
    """The findings of one host, each bad one with its cause."""
    name = task.host.name
    traffic = run.recall(TRAFFIC, of=name)
    if why := run.recall(SILENT, of=name):
        may_be_so = any(router.name == name for router in run.intent.routers)  # a small router is what it is
        remark = Finding(name, REMARK, f"{name} to everything", LAYER, ok=may_be_so, reason=f"not tried: {why}")
        return done(task, findings=[remark], failed=not may_be_so)
    found = workload_of(run, name)
    nodes = {one.name: account for one in run.intent.nodes if (account := run.recall(NODE_STATE, of=one.name))}
    failed = run.nornir.data.failed_hosts
    nodes |= {one.name: NodeState(unseen="see above") for one in run.intent.nodes if one.name in failed}
    routers = {one.name: state for one in run.intent.routers if (state := run.recall(ROUTER_STATE, of=one.name))}
    findings = []
    for finding, red in judge(traffic, found, addresses(run)) if traffic else ():
        if red:
            why = "; ".join(causes.causes(red, found, nodes, routers))
            finding = replace(finding, reason=f"{finding.reason}: {why}")  # noqa: PLW2901  the same, and why
        findings.append(finding)
    wrong = sum(not finding.ok for finding in findings)
    summary = f"{wrong} of {len(findings)} red" if wrong else "every cell is green"
    return done(task, findings=findings, failed=bool(wrong), summary=summary)


def left_out(run: Run) -> list[str]:
    """What was not tried, a line each."""
    tried = [traffic for name in sources(run) if (traffic := run.recall(TRAFFIC, of=name))]
    silent = {router.name: why for router in run.intent.routers if (why := why_silent(run, router.name))}
    silent |= {name: said for name in sources(run) if (said := run.recall(SILENT, of=name))}
    who = {cell.source for traffic in tried for cell in traffic.cells}
    ipvs = run.intent.software.proxy_mode == "ipvs"
    return list(not_tried(who, probes=bool(run.intent.probes), ipvs=ipvs, silent=silent))


def spreads(run: Run) -> dict[str, dict[str, dict[str, int]]]:
    """Connections by the node that they entered by: source -> load balancer address -> node -> number."""
    known = addresses(run)
    told: dict[str, dict[str, dict[str, int]]] = {}
    for name in sources(run):
        traffic = run.recall(TRAFFIC, of=name)
        for number, cell in enumerate(traffic.cells if traffic else ()):
            counted = traffic.counted.get(number) if traffic else None
            if counted and cell.target.kind == "load-balancer" and cell.source.kind == "outside" and not cell.full:
                counts = spread_of(counted, workload_of(run, name), known)
                told.setdefault(name, {})[cell.target.address] = counts
    return told


def tell(run: Run) -> dict[str, Any]:
    """Keys of the JSON beside those of the contract."""
    return {"spread": spreads(run), "not_tried": left_out(run)}
