"""NAPALM's own live suite for configuration: replace, merge, typo, diff, discard, rollback, template."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from pathlib import Path

import napalm.base.test.base
import pytest

from napalm_bird import BIRDDriver


@pytest.fixture(scope="class")
def suite_device(request: pytest.FixtureRequest, base: str, connect: Callable[[], BIRDDriver]) -> Iterator[None]:
    with connect() as request.cls.device:
        request.cls.device.load_replace_candidate(config=base)
        request.cls.device.commit_config()
        yield


@pytest.mark.usefixtures("suite_device")
class TestBIRD(unittest.TestCase, napalm.base.test.base.TestConfigNetworkDriver):
    """The suite starts from its initial configuration; what ran before comes back after the session."""

    vendor = str(Path(__file__).parent / "bird")
