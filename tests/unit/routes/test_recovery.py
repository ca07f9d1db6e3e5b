"""Nodes whose BIRD has just started and waits for another router: who they are, for whom they wait, how long."""

import pytest

from tasks.linux.observe import Answer
from tasks.routes.checks import Case, judge
from tasks.routes.recovery import RECOVERY_SECONDS, seconds_to_wait, with_recovery
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, reader, tutorial
from tests.unit.routes.intents import intent

SILENT = NODES[5]


def seen_with(recording, has_session, others=("r2",)):
    platform = "bird" if recording.startswith("bird/") else "frr"
    nodes = {f"n{number}": str(address) for number, address in enumerate(NODES, 1)}
    whole = intent(platform, others, **nodes)
    seen = reader(recording).read(answers(recording), PROBES)
    return with_recovery(seen, whole, tutorial(), whole.router("r1"), has_session)


def reasons(seen):
    findings = judge(Case("r1", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, "")))
    return {finding.reason for finding in findings if not finding.ok}


@pytest.mark.parametrize("recording", ["bird-recovers", "bird/bird-recovers", "bird-recovers-with-routes-kept"])
def test_the_node_is_named_with_the_router_that_is_away_and_the_seconds_that_are_left(recording):
    asked = []
    seen = seen_with(recording, lambda router, peer: asked.append((router, peer)) or False)
    assert asked == [("r2", SILENT)]
    left = RECOVERY_SECONDS - seen.sessions[SILENT].seconds
    assert 200 < left < 240
    assert seconds_to_wait(seen) == left
    said = f"n6 waits for the session with r2 (BIRD recovers from a restart, RFC 4724): up to {left} s more"
    (reason,) = reasons(seen)
    assert reason.startswith("10.31.90.6: ")
    assert reason.endswith(said)


HELD_OFF = """\
kubepeer_6 BGP        ---        start  {since}  Idle          BGP Error: {error}
  Description:    k8s-calico-worker-10-31-90-6
  BGP state:          Idle
    Neighbor address: 10.31.90.6
    Neighbor AS:      64517
    Local AS:         64516
    Error wait:       45.907/60
    Last error:       BGP Error: {error}
  Channel ipv4
    State:          DOWN
    Table:          master4
"""


@pytest.mark.parametrize(("error", "seconds"), [("Hold timer expired", 45), ("Bad peer AS", 0)])
def test_a_session_that_a_router_holds_off_after_a_silence_is_waited_for(error, seconds):
    """What BIRD 2.0.12 said ten seconds after it had missed a node; after another error the next session would end as the last one."""
    known = answers("bird/healthy")
    head, peer, _ = known["protocols"].text.partition("kubepeer_6 ")
    assert peer
    text = head + HELD_OFF.format(since="15:25:29.537", error=error)
    seen = reader("bird/healthy").read({**known, "protocols": Answer(0, text)}, PROBES)
    assert seconds_to_wait(seen) == seconds
    said = "the router opens no session for 45 s more (error wait time)"
    assert any(reason.endswith(said) for reason in reasons(seen)) is bool(seconds)


def test_a_router_that_nobody_asked_may_be_the_one():
    seen = seen_with("bird-recovers", lambda *_: None)
    assert "n6 may wait for the session with r2 " in reasons(seen).pop()
    assert seconds_to_wait(seen)


@pytest.mark.parametrize("others", [("r2",), ()], ids=["the other router has its session", "there is no other router"])
def test_a_node_that_waits_for_nobody_is_silent_for_another_reason(others):
    seen = seen_with("bird-recovers", lambda *_: True, others)
    assert seconds_to_wait(seen) == 0
    assert "does not announce this prefix, or a policy of the router refuses it" in reasons(seen).pop()


def test_only_those_that_are_away_are_named_where_any_is():
    seen = seen_with(
        "bird-recovers", lambda router, _: {"r2": True, "r3": False, "r4": None}[router], ("r2", "r3", "r4")
    )
    assert "n6 waits for the session with r3 " in reasons(seen).pop()


@pytest.mark.parametrize(
    "recording", ["healthy", "own-next-hop-alone", "bird/healthy", "killed", "peer-disabled", "bird/killed"]
)
def test_nobody_waits_who_has_told_his_routes_or_has_no_session(recording):
    assert seconds_to_wait(seen_with(recording, lambda *_: False)) == 0
