"""What is written and shipped for Prometheus, judged by promtool; and that promtool would say no. No machine is needed."""

from pathlib import Path

import pytest
import yaml

from kubepeer.checks import Finding
from lab import requirements
from lab.errors import LabError
from tasks.certificates import table
from tasks.certificates.reading import NodeCertificates
from tasks.routes import metrics
from tests.conftest import CHECKOUT, unavailable
from tests.lab import promtool
from tests.unit.certificates.test_judged import certificate
from tests.unit.platforms.test_table import findings_of
from tests.unit.routes.test_dashboard import expressions

RULES = CHECKOUT / "docs/prometheus"
STRANGE = ("", "a b", 'quoted "x"', "back\\slash\\", "two\nlines", "{}", "é \U0001f600", "# HELP", "x" * 500)
NOW = 1767261600.5


@pytest.fixture(scope="module")
def program() -> Path:
    try:
        requirements.check()
        return promtool.program()
    except LabError as error:
        unavailable(str(error))


@pytest.mark.parametrize("recording", ["healthy", "peer-disabled", "hand-made-blackhole", "bird/killed"])
def test_the_metrics_of_a_run_are_clean(program: Path, recording: str) -> None:
    written = metrics.text(findings_of(recording), {"r2": "no answer"}, ["openwrt", "r2"], NOW)
    assert promtool.judge(program, "check", "metrics", text=written) == (0, "")


def test_the_metrics_of_certificates_are_clean(program: Path) -> None:
    every = {"m1": NodeCertificates((certificate("/etc/kubernetes/pki/apiserver.crt", 200),)), "m2": NodeCertificates()}
    assert promtool.judge(program, "check", "metrics", text=table.metrics(every, NOW)) == (0, "")


def test_whatever_a_device_says_they_are_clean(program: Path) -> None:
    found = [Finding(host, f"check {text}", text, "bgp", ok=True) for host in ("r1", "r 2") for text in STRANGE]
    assert promtool.judge(program, "check", "metrics", text=metrics.text(found, {}, ["r1", "r 2"], NOW)) == (0, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kubepeer_route_ok{prefix="10.0.0.0/8} 1\n', "error while linting"),
        ("# TYPE kubepeer_x gauge\nkubepeer_x 1\n", "no help text"),
        ("# HELP kubepeer_x_total x\n# TYPE kubepeer_x_total gauge\nkubepeer_x_total 1\n", "_total"),
    ],
)
def test_metrics_that_are_not_clean_are_refused(program: Path, text: str, said: str) -> None:
    code, words = promtool.judge(program, "check", "metrics", text=text)
    assert code
    assert said in words


def test_the_alert_rules_are_right_and_fire_when_they_should(program: Path) -> None:
    assert promtool.judge(program, "check", "rules", RULES / "alerts.yaml")[0] == 0
    code, words = promtool.judge(program, "test", "rules", RULES / "alerts_test.yaml")
    assert code == 0, words


def test_an_alert_that_does_not_fire_is_found(program: Path, tmp_path: Path) -> None:
    """The rules' own tests fail where a rule is another."""
    rules = (RULES / "alerts.yaml").read_text(encoding="utf-8")
    (tmp_path / "alerts.yaml").write_text(rules.replace("kubepeer_route_ok == 0", "kubepeer_route_ok == 2"))
    (tmp_path / "alerts_test.yaml").write_text((RULES / "alerts_test.yaml").read_text(encoding="utf-8"))
    code, words = promtool.judge(program, "test", "rules", tmp_path / "alerts_test.yaml")
    assert code
    assert "KubepeerRouteWrong" in words


def test_every_alert_has_a_test_of_its_own() -> None:
    (group,) = yaml.safe_load((RULES / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    tests = yaml.safe_load((RULES / "alerts_test.yaml").read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    rests = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fires == rests == {rule["alert"] for rule in group["rules"]}


def test_the_dashboards_queries_are_ones_of_prometheus(program: Path, tmp_path: Path) -> None:
    """As recording rules; Grafana fills in the variables before Prometheus sees them."""
    asked = [text.replace("$router", "openwrt|tiny-unraid") for text in expressions() if "label_values" not in text]
    rules = [{"record": f"a:query:{number}", "expr": text} for number, text in enumerate(asked)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    code, words = promtool.judge(program, "check", "rules", file)
    assert (code, f"{len(rules)} rules found" in words) == (0, True), words
