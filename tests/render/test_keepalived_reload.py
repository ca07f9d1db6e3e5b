"""What rotate_passwords.py counts on, by the keepalived of the lab's images: a reload keeps the one holder, a start does not.

Three of them, each in a network of its own, on one bridge; nothing else of the host is touched.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.control_plane.endpoint import KEEPALIVED_FILE, PATHS, plan_endpoint
from tasks.linux.observe import Answer, Seen
from tests.conftest import unavailable

ADDRESS = "10.31.90.0"
NUMBERS = (1, 2, 3)
MASTER_SECONDS = 30  # an election takes four; a busy machine longer
MISSED_SECONDS = 6  # a backup that hears nobody is a master after 3.6


def ip(*words: str) -> str:
    """iproute2; a failure ends the test."""
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True, timeout=60).stdout


@dataclass
class VirtualRouter:
    """Three keepalived of one virtual router.

    Attributes:
        name: the beginning of the names of its networks.
        processes: by number.

    """

    root: Path
    intent: Intent
    name: str = field(default_factory=lambda: f"kp-vrrp-{os.getpid()}")
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def connect(self) -> None:
        """The bridge, and a card of each."""
        ip("netns", "add", self.name)
        # snooping, which nobody asks here, would keep 224.0.0.18 from those who have not said that they listen
        ip("-n", self.name, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        ip("-n", self.name, "link", "set", "br0", "up")
        for number in NUMBERS:
            mine = f"{self.name}-{number}"
            ip("netns", "add", mine)
            ip("-n", self.name, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", mine)
            ip("-n", self.name, "link", "set", f"p{number}", "master", "br0", "up")
            ip("-n", mine, "addr", "add", f"10.31.90.{number}/16", "dev", "eth0")
            ip("-n", mine, "link", "set", "eth0", "up")

    def write(self, number: int, password: str) -> None:
        """Its file, as deploy.py writes it for this control plane; the apiserver beside it is always well."""
        bare = Seen({"restarts": Answer(0, "")}, dict.fromkeys(PATHS))
        planned = plan_endpoint(self.intent, self.intent.control_planes[number - 1], bare, password)
        (text,) = [change.after for change in planned if change.what == KEEPALIVED_FILE]
        folder = self.root / "etc/keepalived"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content, mode in (
            (f"{number}.conf", text or "", 0o600),
            ("check_apiserver.sh", "#!/bin/sh\n", 0o755),
        ):
            (folder / name).write_text(content, encoding="utf-8")
            (folder / name).chmod(mode)

    def start(self, number: int) -> None:
        """As in the pod; a file of its own for each, since they share a root."""
        words = ["keepalived", "-n", "-l", "-D", "-P", "-f", f"/etc/keepalived/{number}.conf"]
        files = ["-p", f"/run/{number}.pid", "-r", f"/run/{number}v.pid"]
        command = ["ip", "netns", "exec", f"{self.name}-{number}", "chroot", str(self.root), *words, *files]
        self.processes[number] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def holders(self) -> set[int]:
        """Who has the address."""
        return {n for n in NUMBERS if f" {ADDRESS}/32 " in ip("-n", f"{self.name}-{n}", "-o", "addr", "show")}

    def seen(self, seconds: float) -> list[set[int]]:
        """Who has had it within this time, each time that it was another."""
        found: list[set[int]] = []
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            now = self.holders()
            if not found or found[-1] != now:
                found.append(now)
            time.sleep(0.02)
        return found

    def until(self, wanted: set[int]) -> None:
        """Wait for it."""
        ends = time.monotonic() + MASTER_SECONDS
        while (now := self.holders()) != wanted:
            assert time.monotonic() < ends, f"{now} instead of {wanted}"
            time.sleep(0.1)

    def end(self, number: int) -> None:
        """SIGTERM, as the kubelet does it."""
        process = self.processes.pop(number)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)

    def close(self) -> None:
        """Nothing of it is left."""
        for number in tuple(self.processes):
            self.end(number)  # by SIGTERM: it takes its child and its files along
        for name in (*(f"{self.name}-{number}" for number in NUMBERS), self.name):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False, timeout=60)


@pytest.fixture
def virtual_router(image_root: Path, intent_of: Any) -> Iterator[VirtualRouter]:
    """At rest, the first one the holder."""
    made = VirtualRouter(image_root, intent_of())
    try:
        try:
            made.connect()
        except (OSError, subprocess.CalledProcessError) as error:
            unavailable(f"keepalived needs networks of its own: {error}")
        for number in NUMBERS:
            made.write(number, "old-pass")
            made.start(number)
        made.until({1})
        yield made
    finally:
        made.close()


def test_a_reload_of_all_keeps_the_one_holder(virtual_router: VirtualRouter) -> None:
    for number in NUMBERS:
        virtual_router.write(number, "new-pass")
    for number in NUMBERS:
        virtual_router.processes[number].send_signal(signal.SIGHUP)
    assert virtual_router.seen(MISSED_SECONDS) == [{1}]
    virtual_router.end(3)  # and it has the new one: whoever starts with it is heard, and hears
    virtual_router.start(3)
    assert virtual_router.seen(MISSED_SECONDS) == [{1}]


def test_started_anew_alone_with_another_password_it_is_a_second_holder(virtual_router: VirtualRouter) -> None:
    virtual_router.end(3)
    virtual_router.write(3, "new-pass")
    virtual_router.start(3)
    virtual_router.until({1, 3})
