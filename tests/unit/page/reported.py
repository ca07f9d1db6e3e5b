"""Reports of what real routers said: a healthy cluster, broken ones, and one that is as large as they come."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, ip_address

from kubepeer.change import Change
from kubepeer.checks import Finding
from kubepeer.errors import UnreachableError
from kubepeer.intent import Intent
from kubepeer.intent.rack import Rack
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.page.collect import page
from kubepeer.page.document import Page
from tasks.platforms.seen import RouterSeen
from tasks.routes.checks import Case, judge
from tasks.routes.page import routes
from tests.conftest import untouched
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, reader, tutorial

MADE = "2026-11-26 12:00 UTC"
FRR, BIRD = "openwrt", "tiny-unraid"
HEALTHY = {FRR: "healthy", BIRD: "bird/healthy"}
BROKEN = {FRR: "daemon-down", BIRD: "bird/daemon-down"}
LARGE_NODES, LARGE_PREFIXES, A_RACK = 1000, 5000, 250


def judged(router: str, recording: str) -> tuple[tuple[Finding, ...], RouterSeen]:
    """What the checks say of a recording, and what was seen in it."""
    seen = reader(recording).read(answers(recording), PROBES)
    return judge(Case(router, tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""))), seen


def verification(recordings: dict[str, str]) -> Page:
    """The page of verify_routes.py on routers that said this."""
    found = {router: judged(router, recording) for router, recording in recordings.items()}
    findings = {router: answers_of for router, (answers_of, _) in found.items()}
    seen = {router: had for router, (_, had) in found.items()}
    return page_of(untouched("today"), findings, seen)


def page_of(intent: Intent, findings: dict[str, Sequence[Finding]], seen: dict[str, RouterSeen]) -> Page:
    """The page of verify_routes.py on these findings."""
    hosts = {
        router: HostOutcome(
            findings=tuple(of_router),
            failed=not all(finding.ok for finding in of_router),
            summary=f"{sum(one.ok for one in of_router)} of {len(of_router)} answers right",
        )
        for router, of_router in findings.items()
    }
    ok = not any(host.failed for host in hosts.values())
    outcomes = [PhaseOutcome("Verify routes", 0.81, hosts, together=True, began=0.0)]
    return page(
        "verify_routes", intent.cluster.name, outcomes, 1.14, ok=ok, made=MADE, routes=routes(intent, findings, seen)
    )


def large(lost: int = 3) -> Page:
    """A thousand nodes in racks, two routers, 5,000 prefixes; the sessions of the first nodes are lost."""
    shipped = untouched("today")
    first = shipped.workers[0]
    addresses = [f"10.31.{number // A_RACK}.{number % A_RACK + 1}" for number in range(LARGE_NODES)]
    racks = [Rack(name=f"r{number}", network=f"10.31.{number}.0/24") for number in range(LARGE_NODES // A_RACK)]
    nodes = tuple(
        first.model_copy(
            update={
                "name": f"node-{number:04}",
                "address": ip_address(address),
                "routers": tuple(HEALTHY),
                "rack": racks[number // A_RACK],
            }
        )
        for number, address in enumerate(addresses)
    )
    intent = shipped.model_copy(update={"nodes": nodes})
    blocks = [str(network) for network in IPv4Network("10.64.0.0/12").subnets(new_prefix=26)][: LARGE_PREFIXES - 2]
    gone = set(addresses[:lost])
    findings: dict[str, list[Finding]] = {}
    for router in HEALTHY:
        of_router = [_session(router, address, ok=address not in gone) for address in addresses]
        for number, block in enumerate(blocks):
            of_router += _prefix(router, block, (addresses[number % LARGE_NODES],), gone)
        for network in ("10.33.128.0/18", "10.33.192.0/18"):
            of_router += _prefix(router, network, tuple(addresses), gone)
        findings[router] = of_router
    return page_of(intent, findings, {})


DOWN = "Active: Hold Timer Expired, 12 min ago"


def _session(router: str, address: str, *, ok: bool) -> Finding:
    state = "Established" if ok else "Active"
    return Finding(router, "session", address, "bgp", ok, ("Established",), (state,), reason="" if ok else DOWN)


def _prefix(router: str, prefix: str, hops: tuple[str, ...], gone: set[str]) -> list[Finding]:
    missing = tuple(hop for hop in hops if hop in gone)
    observed = tuple(hop for hop in hops if hop not in gone)
    reason = f"{', '.join(missing)}: session {DOWN}" if missing else ""
    return [
        Finding(
            router,
            "fib" if layer == "kernel" else "route",
            prefix,
            layer,
            not missing,
            hops,
            observed,
            missing,
            (),
            reason,
        )
        for layer in ("bgp", "rib", "kernel")
    ]


def unreachable() -> Page:
    """The page of verify_routes.py where no router could be reached."""
    lost = {
        name: HostOutcome(error=UnreachableError("no answer on port 22", host=name), failed=True) for name in HEALTHY
    }
    return page("verify_routes", "tutorial", [PhaseOutcome("Verify routes", 10.0, lost)], 10.1, ok=False, made=MADE)


def deployment() -> Page:
    """The page of a deployment in which one host was lost, and others changed."""
    swap = Change(
        "/etc/fstab", "UUID=1 / ext4 defaults 0 1\n/dev/sdb none swap sw 0 0\n", "UUID=1 / ext4 defaults 0 1\n"
    )
    unit = Change("unit containerd", "stopped", "running")
    nodes = [node.name for node in untouched("today").nodes]
    lost = UnreachableError("no answer on port 22 for 10 s", host=nodes[-1], cure="is it switched on?")
    prepared = {name: HostOutcome(changes=(swap, unit)) for name in nodes[:-1]}
    outcomes = [
        PhaseOutcome("Observe", 2.0, {name: HostOutcome() for name in (*nodes, *HEALTHY)}),
        PhaseOutcome(
            "Prepare nodes",
            39.2,
            prepared | {nodes[-1]: HostOutcome(error=lost, failed=True)},
            together=True,
            began=2.1,
        ),
        PhaseOutcome(
            "Configure routers", 17.7, {router: HostOutcome() for router in HEALTHY}, together=True, began=2.1
        ),
        PhaseOutcome(
            "Workers",
            0.0,
            {nodes[-1]: HostOutcome(skipped=True)},
            skipped_because=f"{nodes[-1]} failed before",
            began=41.4,
        ),
    ]
    return page(
        "deploy",
        "tutorial",
        outcomes,
        41.6,
        ok=False,
        made=MADE,
        headline="10 changes on 5 hosts in 41.6 s; failed",
    )


def with_text(shown: Page, text: str) -> Page:
    """The same page, with a text of a device's in every place that takes one."""
    cause = replace(shown.causes[0], host=text, what=text, reason=text, missing=text, unexpected=text, cure=text)
    matrix = replace(shown.matrices[0], title=text, remarks=(text,))
    return replace(
        shown, causes=(cause,), matrices=(matrix,), warnings=(text,), notes=(text,), headline=text, cluster=text
    )
