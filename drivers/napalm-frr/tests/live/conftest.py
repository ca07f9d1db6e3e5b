"""A real router; the environment names it (NAPALM_FRR_HOST, ...: napalm_unix_router.testing.live)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from napalm_unix_router.testing.live import LiveRouter

from napalm_frr import FRRDriver
from napalm_frr.configuration import read

Connect = Callable[..., FRRDriver]
ROUTER = LiveRouter(FRRDriver, "NAPALM_FRR")
new_device = ROUTER.device


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ROUTER.skip_without(items, Path(__file__).parent)


@pytest.fixture(scope="session", autouse=True)
def namespace() -> Iterator[None]:
    """Enter the router's network for this thread; the threads that paramiko starts inherit it."""
    with ROUTER.network():
        yield


def _start_anew(device: FRRDriver) -> None:
    device._router().run(
        "{ systemctl reset-failed frr; systemctl restart frr; } 2>/dev/null || /etc/init.d/frr restart"
    )


@pytest.fixture
def start_anew() -> Callable[[FRRDriver], None]:
    """End FRR on the router, and start it."""
    return _start_anew


def _restart(device: FRRDriver) -> None:
    """Start FRR anew from its startup file: it prints some lines in the order in which they once came."""
    expected = read(device.get_config("running")["running"])
    router = device._router()
    _start_anew(device)
    deadline = time.monotonic() + 30
    while True:
        answer = router.read(["vtysh -c 'show running-config'"])[0]
        if answer.code == 0 and read(answer.out).same_as(expected):
            return
        assert time.monotonic() < deadline, answer.words
        time.sleep(0.2)  # between two looks; the deadline decides


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
