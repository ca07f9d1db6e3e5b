"""The checks against what a real router said, one small file a situation."""

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import yaml

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.platforms.bird.read import Bird
from tasks.platforms.frr.read import Frr
from tasks.routes.checks import REMARK, Case, judge
from tests.unit.platforms.recordings import NETWORKS, NODES, PROBES, answers, names, path_of, reader, tutorial

VERDICTS = {name: path_of(name, "verdicts", ".yaml") for name in names("verdicts", ".yaml")}


def verdict_on(recording, chosen=None):
    seen = reader(recording).read(answers(recording), PROBES)
    case = Case("a-router", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""), frozenset(chosen) if chosen else None)
    return judge(case)


def as_written(finding):
    """A finding as the files have it: only what says something."""
    written = {"check": finding.check, "subject": finding.subject, "layer": finding.layer}
    for key in ("missing", "unexpected"):
        if getattr(finding, key):
            written[key] = list(getattr(finding, key))
    return written | {"reason": finding.reason}


@pytest.mark.parametrize("path", VERDICTS.values(), ids=VERDICTS)
def test_the_verdict_on_a_real_router_is(path: Path):
    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))
    findings = verdict_on(wanted["recorded"], wanted.get("chosen"))
    assert [as_written(finding) for finding in findings if not finding.ok] == wanted["wrong"]
    assert sum(finding.ok for finding in findings) == wanted["right"]


def test_nodes_that_another_router_serves_are_not_judged():
    """The sixth node's session is closed; with it, a block of its own and two shared networks."""
    for recording in ("peer-disabled", "bird/peer-disabled", "neighbour-not-configured"):
        lost = "10.31.90.4" if recording.startswith("neighbour") else "10.31.90.6"
        seen = reader(recording).read(answers(recording), PROBES)
        case = Case("r", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""), elsewhere=frozenset({lost}))
        findings = judge(case)
        assert all(finding.ok for finding in findings)
        assert len(findings) == 5 + 7 * 3
        assert lost not in {hop for finding in findings for hop in finding.expected}


def test_a_block_of_a_node_elsewhere_may_be_here_by_another_router():
    seen = Frr().read(answers("static-route-on-router"), PROBES)  # 10.33.5.0/24, the first node's, over another hop
    case = Case("r", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""), elsewhere=frozenset({"10.31.90.1"}))
    assert "10.33.5.0/24" not in {finding.subject for finding in judge(case)}


def remarks_on(recording, announced):
    seen = reader(recording).read(answers(recording), PROBES)
    case = Case("r", announced, seen, NETWORKS, dict.fromkeys(NODES, ""), addresses=(IPv4Address("10.31.254.253"),))
    findings = judge(case)
    assert all(finding.ok for finding in findings)
    return [(finding.subject, finding.reason) for finding in findings if finding.check == REMARK]


def test_a_peer_without_a_filter_is_a_remark_while_the_routers_filter_does_its_work():
    unfiltered = replace(tutorial(), unfiltered={IPv4Address("10.31.254.253"): ("openwrt-peer",)})
    ((subject, said),) = remarks_on("own-next-hop-alone", unfiltered)
    assert subject == "announcements"
    assert said.startswith("BGPPeer openwrt-peer names no BGPFilter that is there")
    ((_, seen),) = remarks_on("every-node-announces-every-block", unfiltered)  # what is seen says more
    assert seen.startswith("10.31.90.1-6 announce other nodes' routes as well")
    assert remarks_on("own-next-hop-alone", tutorial()) == []


def test_a_block_that_a_deleted_node_has_left_is_a_remark_and_named_where_the_router_still_has_it():
    gone = IPv4Network("10.33.77.0/24")
    announced = replace(tutorial(), left_behind={gone: "node-7 is no node any more"})
    assert remarks_on("healthy", announced) == [("10.33.77.0/24", "node-7 is no node any more")]
    seen = reader("leftover-block").read(answers("leftover-block"), PROBES)
    findings = judge(Case("r", announced, seen, NETWORKS, dict.fromkeys(NODES, "")))
    reasons = {finding.reason for finding in findings if not finding.ok and finding.subject == str(gone)}
    assert reasons
    assert all("does not announce this prefix; node-7 is no node any more" in reason for reason in reasons)


def test_every_recording_has_a_verdict():
    judged = {yaml.safe_load(path.read_text(encoding="utf-8"))["recorded"] for path in VERDICTS.values()}
    recorded = set(names("recorded", ".json")) - set(names("intended", ".yaml"))  # these are judged in test_intended.py
    assert recorded - judged == {"bgpd-not-running", "bird/bird-not-running"}


def test_a_router_without_bgpd_is_an_error_that_names_the_cure():
    with pytest.raises(CommandError, match="bgpd is not running") as caught:
        Frr().read(answers("bgpd-not-running"), PROBES)
    assert caught.value.cure == "systemctl status frr"


def test_a_router_without_bird_is_an_error_that_names_the_cure():
    with pytest.raises(CommandError, match="Unable to connect to server control socket") as caught:
        Bird().read(answers("bird/bird-not-running"), PROBES)
    assert caught.value.cure == "systemctl status bird"


def test_a_bird_that_does_not_know_the_question_is_told_by_its_version():
    said = answers("bird/healthy")
    old = Answer(1, "BIRD 2.0.7 ready.\nsyntax error, unexpected IN, expecting END")
    with pytest.raises(CommandError, match="syntax error, unexpected IN") as caught:
        Bird().read(said | {"paths 10.33.0.0/16": old}, PROBES)
    assert "2.0.9" in caught.value.cure


def test_times_in_a_form_of_the_owners_leave_the_ages_out_and_nothing_else():
    said = answers("bird/daemon-down")
    text = said["protocols"].text.replace("15:", "Tuesday at 15h ")
    session = Bird().read(said | {"protocols": Answer(0, text)}, PROBES).sessions[NODES[5]]
    assert (session.state, session.seconds) == ("Active", None)
    assert "connection refused" in session.last_error


def test_a_session_of_yesterday_has_its_age():
    said = answers("bird/healthy")
    night = re.sub(r"(?<=time is )\S+ \S+", "2026-11-25 00:00:30.000", said["status"].text)
    text = re.sub(r"(?m)^(kubepeer_1 .* up +)\S+", r"\g<1>23:59:30.250", said["protocols"].text)
    text = re.sub(r"(?m)^(kubepeer_2 .* up +)\S+", r"\g<1>2026-11-20", text)
    seen = Bird().read(said | {"status": Answer(0, night), "protocols": Answer(0, text)}, PROBES).sessions
    assert seen[NODES[0]].seconds == 59  # 59.75
    assert seen[NODES[1]].seconds == 5 * 86400 + 30


def test_words_before_the_json_do_not_matter():
    said = answers("healthy")
    first = said["neighbours"]
    warned = type(first)(
        0, "% Can't open configuration file /etc/frr/vtysh.conf due to 'Permission denied'.\n" + first.text
    )
    assert Frr().read(said | {"neighbours": warned}, PROBES).sessions == Frr().read(said, PROBES).sessions


def test_json_that_is_cut_off_is_an_error_that_names_the_question():
    said = answers("healthy")
    cut = type(said["neighbours"])(0, said["neighbours"].text[:500])
    with pytest.raises(CommandError, match="question 'neighbours' is no JSON"):
        Frr().read(said | {"neighbours": cut}, PROBES)


def test_an_old_iproute2_without_fibmatch_leaves_the_main_table_to_be_judged():
    said = answers("healthy")
    seen = Frr().read(said | {"lookups": type(said["lookups"])(0, "")}, PROBES)
    assert seen.lookups == {}
    assert all(finding.ok for finding in judge(Case("openwrt", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""))))


def test_all_questions_go_in_one_round_trip_and_name_no_table_as_a_whole():
    questions = Frr().questions([NETWORKS[0]], PROBES)
    assert set(questions) == {
        "neighbours",
        "bgp 10.33.0.0/17",
        "rib 10.33.0.0/17",
        "kernel 10.33.0.0/17",
        "lookups",
        "hash policy",
    }
    assert all("10.33." in command for name, command in questions.items() if name not in ("neighbours", "hash policy"))


def test_bird_is_asked_in_one_round_trip_and_by_a_client_that_can_only_look():
    questions = Bird().questions([NETWORKS[0]], PROBES)
    about = ("paths", "exported", "kernel")
    assert set(questions) == {
        "status",
        "protocols",
        *(f"{name} 10.33.0.0/17" for name in about),
        "lookups",
        "hash policy",
    }
    assert all(command.count("birdc") == command.count("birdc -r ") for command in questions.values())
    assert all(
        "10.33." in command for name, command in questions.items() if name not in ("status", "protocols", "hash policy")
    )
