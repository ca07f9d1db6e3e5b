"""What is shipped for Prometheus and Grafana names metrics and labels that a verification writes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from kubepeer.checks import Finding
from tasks.certificates import table
from tasks.certificates.reading import NodeCertificates
from tasks.routes import metrics
from tests.conftest import CHECKOUT
from tests.unit.certificates.test_judged import certificate
from tests.unit.platforms.test_table import findings_of

DASHBOARD = CHECKOUT / "docs/grafana/kubepeer.json"
ALERTS = CHECKOUT / "docs/prometheus/alerts.yaml"
COLUMNS = 24  # of Grafana's grid
# What Grafana's documentation, "Dashboard JSON model", lists of a dashboard and of a panel, as far as it is needed here.
OF_A_DASHBOARD = {"uid": str, "title": str, "tags": list, "timezone": str, "schemaVersion": int, "version": int, "refresh": str,
                  "time": dict, "templating": dict, "annotations": dict, "panels": list, "editable": bool}  # fmt: skip
OF_A_PANEL = {
    "id": int,
    "type": str,
    "title": str,
    "gridPos": dict,
    "datasource": dict,
    "targets": list,
    "fieldConfig": dict,
    "options": dict,
}
KINDS = {"stat", "table", "timeseries", "state-timeline"}  # that every Grafana since 8 has built in
BY_PROMETHEUS = {"instance", "job"}


def written() -> dict[str, set[str]]:
    """Each metric of a real run with its labels, and those of certificates.py."""
    other = Finding("openwrt", "hash policy", "net.ipv4.fib_multipath_hash_policy", "kernel", ok=True)
    text = metrics.text([*findings_of("peer-disabled"), other], {}, ["openwrt"], 1.0)
    text += table.metrics({"m1": NodeCertificates((certificate("/etc/kubernetes/pki/apiserver.crt", 200),))}, 1.0)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {re.split(r"[{ ]", line)[0]: set(re.findall(r'(\w+)="', line)) for line in lines}


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return document


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


@pytest.mark.parametrize("expression", [*expressions(), *(rule["expr"] for rule in alerts())])
def test_every_metric_and_label_that_is_asked_for_is_written(expression: str) -> None:
    known = written()
    named = re.findall(r"\b(kubepeer_\w+)(?:\{([^}]*)\})?", expression)
    assert named
    for name, labels in named:
        assert name in known, f"{name} is written by nobody"
        assert set(re.findall(r"(\w+)\s*=", labels)) <= known[name]
    for labels in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in labels.split(",")} <= set.union(*(known[name] for name, _ in named))


def test_every_metric_is_shown_or_told_somewhere() -> None:
    asked = " ".join([*expressions(), *(rule["expr"] for rule in alerts())])
    assert [name for name in written() if not re.search(rf"\b{name}\b", asked)] == []


def test_the_texts_of_an_alert_name_labels_that_it_has() -> None:
    known = written()
    for rule in alerts():
        has = set.union(*(known[name] for name in re.findall(r"\bkubepeer_\w+", rule["expr"])))
        named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert named <= has, rule["alert"]
        assert {"summary", "description"} == rule["annotations"].keys()


def test_the_dashboard_is_one_by_grafanas_model() -> None:
    document = dashboard()
    assert {key: type(document[key]) for key in OF_A_DASHBOARD} == OF_A_DASHBOARD
    panels = document["panels"]
    for panel in panels:
        assert {key: type(panel[key]) for key in OF_A_PANEL} == OF_A_PANEL
        assert panel["type"] in KINDS
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {variable["name"] for variable in document["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(panels))) <= variables


def test_no_panel_lies_on_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_a_column_that_a_table_renames_is_there() -> None:
    known = set.union(*written().values()) | BY_PROMETHEUS | {"Time", "__name__", "Value"}
    for panel in dashboard()["panels"]:
        values = {f"Value #{target['refId']}" for target in panel["targets"]}
        for step in panel.get("transformations", ()):
            named = {*step["options"].get("renameByName", ()), *step["options"].get("excludeByName", ())}
            assert named <= known | values
