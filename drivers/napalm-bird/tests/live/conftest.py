"""A real router, named by the environment; without one these tests are skipped.

NAPALM_BIRD_HOST            address of a router that runs BIRD 2 and may be changed at will
NAPALM_BIRD_USERNAME        default root
NAPALM_BIRD_PASSWORD        default empty
NAPALM_BIRD_OPTIONAL_ARGS   JSON, as the driver takes it, e.g. {"use_keys": true, "key_file": "..."}
NAPALM_BIRD_NAMESPACE       network namespace to enter first, as ``ip netns`` names it
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napalm_bird import BIRDDriver

BASE = Path(__file__).parent / "bird" / "initial.conf"
CLONE_NEWNET = 0x40000000
Connect = Callable[..., BIRDDriver]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "NAPALM_BIRD_HOST" in os.environ:
        return
    reason = "no router: set NAPALM_BIRD_HOST (see tests/live/conftest.py)"
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
    name = os.environ.get("NAPALM_BIRD_NAMESPACE")
    if not name or "NAPALM_BIRD_HOST" not in os.environ:
        yield
        return
    with Path("/proc/thread-self/ns/net").open("rb") as own:
        _enter(f"/run/netns/{name}")
        yield
        ctypes.CDLL(None).setns(own.fileno(), CLONE_NEWNET)


def new_device(**optional: object) -> BIRDDriver:
    arguments = json.loads(os.environ.get("NAPALM_BIRD_OPTIONAL_ARGS", "{}")) | optional
    user, password = os.environ.get("NAPALM_BIRD_USERNAME", "root"), os.environ.get("NAPALM_BIRD_PASSWORD", "")
    return BIRDDriver(os.environ["NAPALM_BIRD_HOST"], user, password, timeout=60, optional_args=arguments)


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
