"""A real router, named by the environment; without one the tests are skipped.

With the prefix NAPALM_FRR, for instance:

NAPALM_FRR_HOST            address of a router that may be changed at will
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from napalm.base.exceptions import CommitConfirmException, CommitError

from napalm_unix_router.driver import UnixRouterDriver

_CLONE_NEWNET = 0x40000000
D = TypeVar("D", bound=UnixRouterDriver)  # type: ignore[type-arg]  # whatever its candidates and plans are


@dataclass(frozen=True)
class LiveRouter(Generic[D]):
    """The router that the environment names, for one driver."""

    driver: type[D]
    prefix: str

    @property
    def is_named(self) -> bool:
        """Tell whether there is one."""
        return f"{self.prefix}_HOST" in os.environ

    def skip_without(self, items: Sequence[pytest.Item], folder: Path) -> None:
        """Skip the tests of a folder when there is none."""
        for item in items:
            if not self.is_named and folder in item.path.parents:
                item.add_marker(
                    pytest.mark.skip(reason=f"no router: set {self.prefix}_HOST (napalm_unix_router.testing.live)")
                )

    @contextmanager
    def network(self) -> Iterator[None]:
        """Enter the router's network for this thread; the threads that paramiko starts inherit it."""
        name = self._said("NAMESPACE")
        if not name or not self.is_named:
            yield
            return
        with Path("/proc/thread-self/ns/net").open("rb") as own:
            _enter(f"/run/netns/{name}")
            yield
            ctypes.CDLL(None).setns(own.fileno(), _CLONE_NEWNET)

    def device(self, **optional: object) -> D:
        """Make a driver; each call is a session of its own. Arguments are added to the optional ones."""
        arguments = json.loads(self._said("OPTIONAL_ARGS", "{}")) | optional
        user, password = self._said("USERNAME", "root"), self._said("PASSWORD")
        return self.driver(os.environ[f"{self.prefix}_HOST"], user, password, timeout=60, optional_args=arguments)

    def _said(self, name: str, default: str = "") -> str:
        return os.environ.get(f"{self.prefix}_{name}", default)


def _enter(namespace: str) -> None:
    with Path(namespace).open("rb") as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def shell(device: D, script: str) -> str:
    """Return what a script prints on the router."""
    return device._router().run(script).out


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until something is so, and return how long that took."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"not within {seconds} s"
        time.sleep(0.1)  # between two looks; the deadline decides
    return time.monotonic() - begin


def watch_secrets(device: D, logs: str) -> Callable[[], str]:
    """Note every command line with a secret (hunter and a digit) on the router; returns how to read the notes.

    ``logs`` is the command that prints the router's logs.
    """
    shell(
        device,
        "rm -f /tmp/seen; (while [ ! -e /tmp/stop ]; do cat /proc/[0-9]*/cmdline 2>/dev/null; done "
        "| tr -c ' -~' '\\n' | grep -o 'hunter[0-9]' >/tmp/seen; rm -f /tmp/stop) >/dev/null 2>&1 </dev/null &",
    )

    def seen() -> str:
        shell(device, "touch /tmp/stop; while [ -e /tmp/stop ]; do sleep 0.1; done")
        return shell(device, f"cat /tmp/seen; ({logs}) | tr -c ' -~\\n' '?' | grep 'hunter[0-9]'; rm -f /tmp/seen")

    return seen


def change_secrets(device: D, fragment: str, whole: str) -> None:
    """Merge, take back, merge and confirm, replace: no difference shows a secret (hunter and a digit)."""
    device.load_merge_candidate(config=fragment)
    assert "hunter" not in device.compare_config()
    device.commit_config(revert_in=60)
    device.rollback()
    device.load_merge_candidate(config=fragment)
    device.commit_config()
    device.load_replace_candidate(config=whole)
    assert "hunter" not in device.compare_config()
    device.commit_config()


def take_turns(alice: D, bob: D, fragment: str, other_fragment: str) -> None:
    """Hold two controllers, alice@desk and bob@desk, to it: one of them waits until the other has confirmed."""
    alice.load_merge_candidate(config=fragment)
    alice.commit_config(revert_in=60)
    bob.load_merge_candidate(config=other_fragment)
    assert bob.has_pending_commit()
    with pytest.raises(CommitError, match="a change of alice@desk is pending until"):
        bob.commit_config()
    with pytest.raises(CommitConfirmException, match="alice@desk"):
        bob.confirm_commit()
    with pytest.raises(CommitError, match="alice@desk"):
        bob.rollback()
    with pytest.raises(CommitError, match="alice@desk"):
        alice.commit_config()
    alice.confirm_commit()
    bob.commit_config()
