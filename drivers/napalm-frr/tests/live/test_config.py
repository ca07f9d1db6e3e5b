"""NAPALM's own live suite for configuration: replace, merge, typo, diff, discard, rollback, template."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from pathlib import Path

import napalm.base.test.base
import pytest

from napalm_frr import FRRDriver

HERE = Path(__file__).parent


@pytest.fixture(scope="class")
def suite_device(request: pytest.FixtureRequest, base: str, connect: Callable[[], FRRDriver]) -> Iterator[None]:
    with connect() as device:
        version = int(device.get_facts()["os_version"].partition(".")[0])
        # Since FRR 9 lists and route maps are printed before the routing processes, so the diffs look otherwise.
        request.cls.vendor = str(HERE / ("frr" if version < 9 else "frr_10"))
        request.cls.device = device
        device.load_replace_candidate(config=base)
        device.commit_config()
        yield


@pytest.mark.usefixtures("suite_device")
class TestFRR(unittest.TestCase, napalm.base.test.base.TestConfigNetworkDriver):
    """The suite starts from its initial configuration; what ran before comes back after the session."""

    vendor: str
