"""Verify the API's one address: who holds it and, where somebody else balances, whom it leads to."""

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from nornir.core.task import Result, Task

from kubepeer.checks import Finding
from kubepeer.errors import KubepeerError
from kubepeer.intent import Node
from kubepeer.intent.families import Address
from kubepeer.memory import hands_over
from kubepeer.phases import control_planes
from kubepeer.run import Run, done, waiting
from tasks.cluster.access import ASKED_API, api_if_there, open_api
from tasks.control_plane import api_servers, holders
from tasks.linux.observe import ask
from tasks.linux.shell import open_shell
from tasks.routes.from_inventory import by_inventory
from tasks.routes.legible import legible_objects

# While the address moves, nobody has it for up to four seconds, or two have it for one: keepalived's advertisements, and its check
SETTLE_SECONDS = 10
INTERVAL_SECONDS = 1
ASK_SECONDS = 10


def one_that_asks(run: Run) -> Iterable[str]:
    """The control plane in whose name all of them are asked; none where a filter has chosen none."""
    failed = run.nornir.data.failed_hosts
    return [name for name in control_planes(run) if name not in failed][:1]


@hands_over(gives=ASKED_API)
def verify_endpoint(task: Task, run: Run) -> Result:
    """Exactly one control plane holds the address; an external one leads to apiservers of this cluster alone; one that is down is told."""
    return told(task, run, (*settled(run, task.host.name, {}), *_api_servers(run, task.host.name)))


def told(task: Task, run: Run, found: tuple[Finding, ...]) -> Result:
    """The result that says so: failed where one of the findings is bad."""
    endpoint = run.intent.cluster.endpoint
    names = found[0].observed
    summary = f"{endpoint.address} on {names[0]}" if len(names) == 1 else ""
    return done(task, findings=found, failed=not all(one.ok for one in found), summary=summary)


def settled(run: Run, host: str, known: Mapping[str, bool | None]) -> tuple[Finding, ...]:
    """The findings, when the address has come to rest; asked again for so long where they are bad.

    Args:
        run: the running run.
        host: in whose name it is said.
        known: what need not be asked the first time.

    """
    ends = time.monotonic() + (0 if run.options.once else max(SETTLE_SECONDS, run.options.wait_seconds))
    while True:
        found = holders.finding(run.intent, host, _holding(run, known))
        if found.ok or time.monotonic() >= ends:
            break
        known = {}
        waiting(found.reason)
        time.sleep(INTERVAL_SECONDS)  # keepalived tells nobody when it has decided
    if run.intent.cluster.endpoint.provider != "external":
        return (found,)
    if by_inventory(run):
        run.warn("--intent inventory: whom the load balancer of the API leads to is not asked")
        return (found,)
    from tasks.control_plane import load_balancer  # noqa: PLC0415  few have one

    return (found, load_balancer.finding(run.intent, host, open_api(run).ca))


def _api_servers(run: Run, host: str) -> list[Finding]:
    """A remark of each control plane whose apiserver does not serve while another one does; none where nobody can tell."""
    if run.intent.cluster.adopted or by_inventory(run):
        return []
    try:
        api = api_if_there(run)
        with legible_objects():
            serving = api_servers.serving(api.get(api_servers.SLICES, api_servers.OF_THE_API) if api else None)
    except KubepeerError:
        return []  # the routers' own verification says what is wrong with the API
    down = api_servers.down(run.intent.control_planes, serving)
    return [one for node in down for one in _api_server(run, host, node, serving)]


def _api_server(run: Run, host: str, node: Node, serving: frozenset[Address]) -> Iterator[Finding]:
    from tasks.routes.causes import of_api_servers  # noqa: PLC0415  a healthy run needs none of it

    try:
        answers = ask(open_shell(run.nornir, node.name), of_api_servers.QUESTIONS, deadline=ASK_SECONDS).answers
    except KubepeerError:
        return  # who holds the address says that it could not be asked
    yield of_api_servers.remark(host, node, serving, answers)


def _holding(run: Run, known: Mapping[str, bool | None]) -> dict[str, bool | None]:
    names = [node.name for node in run.intent.control_planes]
    unknown = [name for name in names if name not in known]
    if not unknown:
        return {name: known[name] for name in names}
    with ThreadPoolExecutor(len(unknown)) as pool:
        asked = dict(zip(unknown, pool.map(lambda name: _holds(run, name), unknown), strict=True))
    return {name: known[name] if name in known else asked[name] for name in names}


def _holds(run: Run, name: str) -> bool | None:
    """Whether a control plane has the address; None where it cannot be asked."""
    if name in run.nornir.data.failed_hosts:
        return None
    try:
        answers = ask(open_shell(run.nornir, name), holders.QUESTIONS, deadline=ASK_SECONDS)
    except KubepeerError:
        return None
    return holders.has_address(answers["addresses"], str(run.intent.cluster.endpoint.address))
