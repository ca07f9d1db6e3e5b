"""What a verification leaves in a run becomes causes, a picture and matrices."""

from dataclasses import replace

from kubepeer.checks import Finding
from kubepeer.intent.rack import Rack
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.run import Options, Run
from tasks.control_plane import holders
from tasks.routes.left import SEEN
from tasks.routes.page import ALL_NODES, NOT_IN_THE_INVENTORY, routes
from tasks.routes.table import describe
from tests.conftest import untouched
from tests.unit.page.reported import BIRD, FRR, HEALTHY, judged


def test_a_run_is_described_by_what_its_routers_had() -> None:
    findings, seen = judged(FRR, "daemon-down")
    run = Run(untouched("today"), None, Options(), None, frozenset())  # type: ignore[arg-type]  nothing is contacted
    run.keep(SEEN, replace(seen, as_shown="1.64512"), of=FRR)
    holder = Finding("a", holders.CHECK, "10.31.90.0", "data", ok=True, reason="held by the first")
    outcomes = [
        PhaseOutcome("Verify routes", 1.0, {FRR: HostOutcome(findings=findings), BIRD: HostOutcome(failed=True)}),
        PhaseOutcome("Verify endpoint", 1.0, {"a": HostOutcome(findings=(holder,))}),
    ]
    told = describe(run, outcomes)
    assert [(cause.host, cause.what) for cause in told.causes] == [
        (FRR, "session with 10.31.90.6 (k8s-calico-worker-10-31-90-6)")
    ]
    assert [matrix.title for matrix in told.matrices] == [
        "AS 1.64512 · 5 of 6 sessions established · 3 of 8 prefixes wrong"
    ]
    assert told.notes[0] == "i 10.31.90.0  held by the first"
    assert told.notes[1].startswith("i pods across nodes: ")
    assert told.picture
    assert {box.name: box.state for box in told.picture.routers} == {FRR: "wrong", BIRD: "unknown"}
    assert [box.state for box in told.picture.nodes] == [*["unknown"] * 5, "wrong"]  # the other router did not answer
    assert {link.state for link in told.picture.links if link.router == BIRD} == {"unknown"}


def test_where_no_router_was_asked_nothing_is_drawn() -> None:
    run = Run(untouched("today"), None, Options(), None, frozenset())  # type: ignore[arg-type]  nothing is contacted
    told = describe(run, [PhaseOutcome("Observe", 1.0, {FRR: HostOutcome(), "a": HostOutcome()})])
    assert (told.picture, told.matrices, told.notes) == (None, (), ())


def test_nodes_stand_in_their_racks_and_strangers_beside_them() -> None:
    intent = untouched("today")
    rack = Rack(name="r1", network="10.31.90.0/24")  # type: ignore[arg-type]  as the inventory has it
    nodes = tuple(node.model_copy(update={"rack": rack}) if node.role == "worker" else node for node in intent.nodes)
    stranger = Finding(
        FRR, "session", "10.31.90.77", "bgp", ok=True, expected=("Established",), observed=("Established",)
    )
    findings = {router: judged(router, recording)[0] for router, recording in HEALTHY.items()}
    findings[FRR] = (*findings[FRR], stranger)
    drawn = routes(intent.model_copy(update={"nodes": nodes}), findings, {}).picture
    assert drawn
    assert [frame.name for frame in drawn.racks] == [ALL_NODES, "rack r1 · 10.31.90.0/24", NOT_IN_THE_INVENTORY]
    assert {box.state for box in drawn.nodes} == {"right"}
    assert [(link.router, link.says) for link in drawn.links][-1] == (FRR, f"{FRR} to 10.31.90.77: Established")
