"""A real router; the environment names it (NAPALM_BIRD_HOST, ...: napalm_unix_router.testing.live)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from napalm_unix_router.testing.live import LiveRouter

from napalm_bird import BIRDDriver

BASE = Path(__file__).parent / "bird" / "initial.conf"
Connect = Callable[..., BIRDDriver]
ROUTER = LiveRouter(BIRDDriver, "NAPALM_BIRD")
new_device = ROUTER.device


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ROUTER.skip_without(items, Path(__file__).parent)


@pytest.fixture(scope="session", autouse=True)
def namespace() -> Iterator[None]:
    """Enter the router's network for this thread; the threads that paramiko starts inherit it."""
    with ROUTER.network():
        yield


@pytest.fixture(scope="session")
def connect(namespace: None) -> Connect:  # noqa: ARG001 (it must be entered first)
    """Make a driver; each call is a session of its own. Arguments are added to the optional ones."""
    return new_device


@pytest.fixture
def device(connect: Connect) -> Iterator[BIRDDriver]:
    with connect() as opened:
        yield opened


@pytest.fixture(scope="session")
def base(namespace: None) -> Iterator[str]:  # noqa: ARG001 (it must be entered first)
    """What the file of the driver holds at the beginning of a test; what it held before comes back at the end."""
    with new_device() as opened:
        before = opened.get_config()["startup"]
    yield BASE.read_text(encoding="utf-8")
    with new_device() as opened:
        opened.load_replace_candidate(config=before)
        opened.commit_config()


@pytest.fixture
def router(device: BIRDDriver, base: str) -> BIRDDriver:
    """The router with the base, nothing pending."""
    device.load_replace_candidate(config=base)
    device.commit_config()
    return device
