"""The checks against what a real router said, one small file a situation."""

from pathlib import Path

import pytest
import yaml

from kubepeer.errors import CommandError
from tasks.routes.checks import Case, judge
from tasks.routes.frr import Frr
from tests.unit.routes.recordings import FOLDER, NETWORKS, NODES, PROBES, answers, tutorial

VERDICTS = sorted((FOLDER / "verdicts").glob("*.yaml"))


def verdict_on(recording, chosen=None):
    seen = Frr().read(answers(recording), PROBES)
    case = Case("openwrt", tutorial(), seen, NETWORKS, dict.fromkeys(NODES, ""), frozenset(chosen) if chosen else None)
    return judge(case)


def as_written(finding):
    """A finding as the files have it: only what says something."""
    written = {"check": finding.check, "subject": finding.subject, "layer": finding.layer}
    for key in ("missing", "unexpected"):
        if getattr(finding, key):
            written[key] = list(getattr(finding, key))
    return written | {"reason": finding.reason}


@pytest.mark.parametrize("path", VERDICTS, ids=lambda path: path.stem)
def test_the_verdict_on_a_real_router_is(path: Path):
    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))
    findings = verdict_on(wanted["recorded"], wanted.get("chosen"))
    assert [as_written(finding) for finding in findings if not finding.ok] == wanted["wrong"]
    assert sum(finding.ok for finding in findings) == wanted["right"]


def test_every_recording_has_a_verdict():
    judged = {yaml.safe_load(path.read_text(encoding="utf-8"))["recorded"] for path in VERDICTS}
    recorded = {path.stem for path in (FOLDER / "recorded").glob("*.json")}
    assert recorded - judged == {"bgpd-not-running"}


def test_a_router_without_bgpd_is_an_error_that_names_the_cure():
    with pytest.raises(CommandError, match="bgpd is not running") as caught:
        Frr().read(answers("bgpd-not-running"), PROBES)
    assert caught.value.cure == "systemctl status frr"


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
    assert set(questions) == {"neighbours", "bgp 10.33.0.0/17", "rib 10.33.0.0/17", "kernel 10.33.0.0/17", "lookups"}
    assert all("10.33." in command for name, command in questions.items() if name != "neighbours")
