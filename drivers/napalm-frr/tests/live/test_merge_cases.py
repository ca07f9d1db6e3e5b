"""What tests/merge predicts is what FRR does: each case is committed, and the driver compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from napalm_frr import FRRDriver

CASES = sorted((Path(__file__).parent.parent / "merge" / "cases").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_frr_does_what_the_table_says(case: Path, base: str, device: FRRDriver) -> None:
    content: dict[str, Any] = yaml.safe_load(case.read_text(encoding="utf-8"))
    major, minor = device.get_facts()["os_version"].split(".")[:2]
    changes = content["changes"] if (int(major), int(minor)) < (9, 1) else content.get("since_9_1", content["changes"])
    device.load_replace_candidate(config=base)
    device.commit_config()
    device.load_merge_candidate(config=content["fragment"])
    before = device.get_config("running")["running"]
    assert (device.compare_config() == "") == (not changes)
    device.commit_config(revert_in=120)
    device.load_merge_candidate(config=content["fragment"])
    assert device.compare_config() == ""
    if changes:
        assert device.has_pending_commit()
        device.rollback()
    assert device.get_config("running")["running"] == before
