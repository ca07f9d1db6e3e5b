"""A verification of routes on a web page: causes, the topology, and a matrix for each router."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from kubepeer.checks import Finding
from kubepeer.intent import Intent, Router
from kubepeer.intent.between_nodes import way
from kubepeer.outcome import PhaseOutcome
from kubepeer.page.document import Routes
from kubepeer.page.drawing import State
from kubepeer.run import Run
from tasks.control_plane import holders
from tasks.platforms.hops import Hop
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.seen import RouterSeen
from tasks.routes import node_routes
from tasks.routes.causes.of_errors import UNREAD
from tasks.routes.checks import FURTHER, LAYERS, REMARK
from tasks.routes.failures import causes
from tasks.routes.left import SEEN
from tasks.routes.matrix import matrix
from tasks.routes.picture import WORST, DrawnNode, DrawnRouter, picture

EXPLAINED = frozenset({"session", REMARK, UNREAD, *FURTHER, *LAYERS.values()})
NOT_IN_THE_INVENTORY = "not in the inventory"
ALL_NODES = "nodes"  # the one link of a cluster without racks


def described(run: Run, outcomes: Sequence[PhaseOutcome]) -> Routes:
    """What the page says of routes.

    Args:
        run: the run, with what routers had.
        outcomes: of all phases, with secrets hidden.

    """
    notes = [line.plain.strip() for line in holders.lines(outcomes)]
    findings = {
        name: host.findings
        for outcome in outcomes
        for name, host in outcome.hosts.items()
        if host.findings and host.error is None
    }
    if findings:
        notes += [line.plain.strip() for line in node_routes.lines(outcomes, way(run.intent, PLATFORMS))]
    asked = [name for name in findings if name in {router.name for router in run.intent.routers}]
    seen = {name: run.recall(SEEN, of=name) for name in asked}
    return routes(run.intent, {name: findings[name] for name in asked}, seen, tuple(notes))


def routes(
    intent: Intent,
    findings: Mapping[str, Sequence[Finding]],
    seen: Mapping[str, RouterSeen | None],
    notes: tuple[str, ...] = (),
) -> Routes:
    """The same of what is known of each router that has answered; nothing drawn where none has."""
    if not findings:
        return Routes(notes=notes)
    names = {str(address): node.name for node in intent.nodes for address in node.addresses}

    def name(hop: Hop) -> str:
        return f"{hop} ({names[hop]})" if hop in names else hop

    matrices = []
    for router in intent.routers:
        if router.name in findings:
            had = seen.get(router.name)
            as_number = (had and had.as_shown) or router.as_number
            matrices.append(matrix(router.name, as_number, findings[router.name], had, name))
    said = {one.router: (one.title, one.state) for one in matrices}
    drawn = [_router(router, said.get(router.name)) for router in intent.routers]
    return Routes(
        causes=tuple(cause for host, found in findings.items() for cause in causes(host, found, name)),
        picture=picture(drawn, list(_nodes(intent, findings))),
        matrices=tuple(matrices),
        notes=notes,
        explained=EXPLAINED,
    )


def _router(router: Router, said: tuple[str, State] | None) -> DrawnRouter:
    title, state = said or (f"AS {router.as_number} · has not answered, or was not asked", "unknown")
    return DrawnRouter(router.name, title, state)


def _nodes(intent: Intent, findings: Mapping[str, Sequence[Finding]]) -> Iterable[DrawnNode]:
    """Every node of the inventory, and every other one that routers should have a session with."""
    sessions: dict[str, dict[str, Finding]] = {}
    missed: dict[Hop, set[str]] = {}
    for router, found in findings.items():
        for finding in found:
            if finding.check == "session":
                sessions.setdefault(finding.subject, {})[router] = finding
            for hop in finding.missing if finding.check in LAYERS.values() else ():
                missed.setdefault(hop, set()).add(finding.subject)
    known = {str(address) for node in intent.nodes for address in node.addresses}
    for node in intent.nodes:
        addresses = [str(address) for address in node.addresses]
        rack = f"rack {node.rack.name} · {node.rack.network}" if node.rack else ALL_NODES
        yield _node(node.name, addresses, rack, node.routers, sessions, missed)
    for address, asked in sessions.items():
        if address not in known:
            yield _node(address, [address], NOT_IN_THE_INVENTORY, tuple(asked), sessions, missed)


def _node(
    name: str,
    addresses: Sequence[str],
    rack: str,
    routers: Iterable[str],
    sessions: Mapping[str, Mapping[str, Finding]],
    missed: Mapping[Hop, Collection[str]],
) -> DrawnNode:
    links = {
        router: _link([sessions[one][router] for one in addresses if router in sessions.get(one, {})])
        for router in routers
    }
    prefixes = {prefix for address in addresses for prefix in missed.get(address, ())}
    states: set[State] = {state for state, _ in links.values()} | ({"wrong"} if prefixes else set())
    said = [f"{router}: {words}" for router, (_, words) in links.items()]
    said += [f"missing in {len(prefixes)} prefix{'' if len(prefixes) == 1 else 'es'}"] if prefixes else []
    return DrawnNode(
        name,
        addresses[0],
        rack,
        f"{name} {', '.join(addresses)}; {'; '.join(said)}",
        min(states, key=WORST.__getitem__, default="unknown"),
        links,
    )


def _link(found: Sequence[Finding]) -> tuple[State, str]:
    if not found:
        return "unknown", "not judged"
    wrong = [finding for finding in found if not finding.ok]
    if wrong:
        return "wrong", "; ".join(f"{', '.join(finding.observed)}: {finding.reason}" for finding in wrong)
    return "right", "Established"
