"""Every daemon's full configuration: printed, our lines merged, printed again, and nothing else moved.

What is asked stands in tests/full/asked, one file a subject; a router takes what its release and its daemons know. What
the releases print of it is recorded in tests/full: this test writes it to the file that NAPALM_FRR_RECORD names.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from napalm_frr import FRRDriver
from napalm_frr.configuration import read

ASKED = Path(__file__).parents[1] / "full" / "asked"
ORDER = ("lib", "zebra", "bgp", "routemap", "static", "ospf", "ospf6", "rip", "isis", "fabric", "pim", "others")
"""What is named stands before what names it."""

OURS = """
ip prefix-list KUBEPEER-IN seq 5 permit 10.33.0.0/16 ge 24 le 32
route-map KUBEPEER-IN permit 10
 match ip address prefix-list KUBEPEER-IN
route-map KUBEPEER-OUT deny 10
router bgp 65000
 neighbor KUBEPEER peer-group
 neighbor KUBEPEER remote-as 64517
 neighbor KUBEPEER password hunter2
 neighbor KUBEPEER timers 3 9
 neighbor 10.31.90.1 peer-group KUBEPEER
 neighbor 10.31.90.2 peer-group KUBEPEER
 address-family ipv4 unicast
  neighbor KUBEPEER activate
  neighbor KUBEPEER route-map KUBEPEER-IN in
  neighbor KUBEPEER route-map KUBEPEER-OUT out
"""
NAMES = ("KUBEPEER", "10.31.90.1", "10.31.90.2")


def commands(text: str) -> Iterator[list[str]]:
    """Split what is asked into commands, each with the contexts around it: one that is refused harms no other."""
    contexts: list[tuple[int, str]] = []
    for raw in text.splitlines():
        line, indent = raw.strip(), len(raw) - len(raw.lstrip())
        if not line or line.startswith(("exit", "!")):
            continue
        while contexts and contexts[-1][0] >= indent:
            contexts.pop()
        contexts.append((indent, line))
        yield [each for _, each in contexts]


def asking(text: str) -> str:
    """Write the script that says all this to FRR."""
    words = [["configure terminal", *command] for command in commands(text)]
    return "".join(
        f"vtysh {' '.join(f'-c {shlex.quote(each)}' for each in command)} >/dev/null 2>&1\n" for command in words
    )


def shell(router: FRRDriver, script: str, seconds: float = 300) -> str:
    output = router._router().run(script, timeout=seconds)
    return output.out


def restart(router: FRRDriver) -> None:
    shell(router, "{ systemctl reset-failed frr; systemctl restart frr; } || service frr restart")
    deadline = time.monotonic() + 60
    while "end" not in shell(router, "vtysh -c 'show running-config' 2>/dev/null").splitlines():
        assert time.monotonic() < deadline, "FRR did not come back"
        time.sleep(0.5)  # between two looks; the deadline decides


@pytest.fixture
def everything(device: FRRDriver) -> Iterator[FRRDriver]:
    """A router on which every daemon runs; what it had before is there again at the end."""
    kept = "/var/lib/napalm-frr-tests"
    shell(device, f"mkdir -p {kept} && cp -p /etc/frr/daemons /etc/frr/frr.conf {kept}/")
    shell(device, "sed -i -E 's/^([a-z0-9]+d)=no/\\1=yes/; s/^(bgpd_options=\")/\\1-M rpki -M bmp /' /etc/frr/daemons")
    try:
        restart(device)
        print(shell(device, "vtysh -c 'show version'").splitlines()[0])
        for name in ORDER:
            shell(device, asking((ASKED / f"{name}.conf").read_text(encoding="utf-8")))
        yield device
    finally:
        shell(device, f"cp -p {kept}/daemons {kept}/frr.conf /etc/frr/ && rm -rf {kept}")
        restart(device)


def test_our_lines_come_and_go_and_nothing_else_moves(everything: FRRDriver) -> None:
    before = everything.get_config("running")["running"]
    if record := os.environ.get("NAPALM_FRR_RECORD"):
        Path(record).write_text(before, encoding="utf-8")
    assert len(read(before).paths) > 500

    for load in (everything.load_merge_candidate, everything.load_replace_candidate):
        load(config=before)
        assert everything.compare_config() == ""

    everything.load_merge_candidate(config=OURS)
    everything.commit_config(revert_in=120)
    merged = read(everything.get_config("running")["running"])
    foreign = {path for path in merged.members if not any(name in line for line in path for name in NAMES)}
    assert foreign == read(before).members

    everything.rollback()
    assert read(everything.get_config("running")["running"]).same_as(read(before))
