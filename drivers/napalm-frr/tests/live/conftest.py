"""A real router, named by the environment; without one these tests are skipped.

NAPALM_FRR_HOST            address of a router that runs FRR and may be changed at will
NAPALM_FRR_USERNAME        default root
NAPALM_FRR_PASSWORD        default empty
NAPALM_FRR_OPTIONAL_ARGS   JSON, as the driver takes it, e.g. {"use_keys": true, "key_file": "..."}
NAPALM_FRR_NAMESPACE       network namespace to enter first, as ``ip netns`` names it
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napalm_frr import FRRDriver
from napalm_frr.configuration import read

CLONE_NEWNET = 0x40000000
Connect = Callable[..., FRRDriver]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "NAPALM_FRR_HOST" in os.environ:
        return
    reason = "no router: set NAPALM_FRR_HOST (see tests/live/conftest.py)"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


def _enter(namespace: str) -> None:
    with Path(namespace).open("rb") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


@pytest.fixture(scope="session", autouse=True)
def namespace() -> Iterator[None]:
    """Enter the router's network for this thread; the threads that paramiko starts inherit it."""
    name = os.environ.get("NAPALM_FRR_NAMESPACE")
    if not name or "NAPALM_FRR_HOST" not in os.environ:
        yield
        return
    with Path("/proc/thread-self/ns/net").open("rb") as own:
        _enter(f"/run/netns/{name}")
        yield
        ctypes.CDLL(None).setns(own.fileno(), CLONE_NEWNET)


def _restart(device: FRRDriver) -> None:
    """Start FRR anew from its startup file: it prints some lines in the order in which they once came."""
    expected = read(device.get_config("running")["running"])
    router = device._router()
    router.run("{ systemctl reset-failed frr; systemctl restart frr; } || service frr restart")
    deadline = time.monotonic() + 30
    while True:
        answer = router.read(["vtysh -c 'show running-config'"])[0]
        if answer.code == 0 and read(answer.out).same_as(expected):
            return
        assert time.monotonic() < deadline, answer.words
        time.sleep(0.2)  # between two looks; the deadline decides


def new_device(**optional: object) -> FRRDriver:
    arguments = json.loads(os.environ.get("NAPALM_FRR_OPTIONAL_ARGS", "{}")) | optional
    user, password = os.environ.get("NAPALM_FRR_USERNAME", "root"), os.environ.get("NAPALM_FRR_PASSWORD", "")
    return FRRDriver(os.environ["NAPALM_FRR_HOST"], user, password, timeout=60, optional_args=arguments)


@pytest.fixture(scope="session")
def connect(namespace: None) -> Connect:  # noqa: ARG001 (it must be entered first)
    """Make a driver; each call is a session of its own. Arguments are added to the optional ones."""
    return new_device


@pytest.fixture
def device(connect: Connect) -> Iterator[FRRDriver]:
    with connect() as opened:
        yield opened


@pytest.fixture(scope="session")
def base(namespace: None) -> Iterator[str]:  # noqa: ARG001 (it must be entered first)
    """The configuration of tests/merge runs on the router, and what ran before comes back at the end."""
    with new_device() as opened:
        before = opened.get_config()["running"]
        text = (Path(__file__).parent.parent / "merge" / "base.conf").read_text(encoding="utf-8")
        opened.load_replace_candidate(config=text)
        opened.commit_config()
        _restart(opened)
    yield text
    with new_device() as opened:
        opened.load_replace_candidate(config=before)
        opened.commit_config()
