"""The benchmark of the comparison judges what it says it does: a small cluster of it is all well."""

import json

import pytest

from benchmarks.comparison import measure


def test_a_small_cluster_is_judged_and_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    measure(nodes=12, prefixes=40, routers=2)  # ends with SystemExit where a finding is not
    told = json.loads(capsys.readouterr().out)
    assert told["answers"] > 0
    assert told["read"] > 0
    assert told["judge"] > 0
