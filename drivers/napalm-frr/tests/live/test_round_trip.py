"""Every daemon's full configuration: printed, our lines merged, printed again, and nothing else moved.

What is asked stands in tests/full/asked, one file a subject; a router takes what its release and its daemons know. What
the releases print of it is recorded in tests/full: this test writes it to the file that NAPALM_FRR_RECORD names.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from napalm_frr import FRRDriver
from napalm_frr.configuration import read

ASKED = Path(__file__).parents[1] / "full" / "asked"
ORDER = ("lib", "zebra", "bgp", "routemap", "static", "ospf", "ospf6", "rip", "isis", "fabric", "pim", "others")
"""What is named stands before what names it."""

LEAST = 900
"""How many lines each release prints at least, all contexts counted."""
KEPT = "/var/lib/napalm-frr-tests"
CLEAN_KERNEL = "ip sr tunsrc set ::"
"""zebra reads the source address of SRv6 back from the kernel when it starts."""

DEADLY: dict[str, tuple[str, ...]] = {
    "8.4": (
        "match evpn rd ",  # bgpd aborts as soon as it shall print it: its model wants the type before the number
        "ip ssmpingd ",  # pimd aborts at once: it reads ./source-addr of what is a leaf itself
    ),
}
"""What a release's daemons die of whoever says it: it is not asked of them."""

OURS = """
ip prefix-list KUBEPEER-IN seq 5 permit 10.33.0.0/16 ge 24 le 32
route-map KUBEPEER-IN permit 10
 match ip address prefix-list KUBEPEER-IN
route-map KUBEPEER-OUT deny 10
router bgp 65000
 neighbor KUBEPEER peer-group
 neighbor KUBEPEER remote-as 64517
 neighbor KUBEPEER password s3cret-ours
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


ENABLE_ALL = r"""
cd /etc/frr && : >frr.conf
for daemon in $(sed -n 's/^DAEMONS="\(.*\)"/\1/p' /usr/lib/frr/frrcommon.sh); do
  if [ -x /usr/lib/frr/$daemon ]; then
    sed -i "/^$daemon=/d" daemons
    echo "$daemon=yes" >>daemons
    echo $daemon
  fi
done
for module in bgpd_rpki bgpd_bmp pathd_pcep; do
  daemon=${module%_*}
  if ls /usr/lib/*/frr/modules/$module.so >/dev/null 2>&1 && ! grep -Eq -- "-M *(${daemon}_)?${module#*_}" daemons; then
    echo "${daemon}_options=\"\${${daemon}_options} -M $module\"" >>daemons
  fi
done
"""
"""Every daemon that is installed is started, whether the file names it or not, with those of its modules that are there
(one that is not there, or there twice, keeps the daemon from starting). Nothing is left of what ran before: a BGP
process of another AS would refuse every line of ours. Prints the daemons."""

ASK = """
daemons=$(cat /var/run/frr/*.pid)
ask() {
  vtysh -c 'configure terminal' "$@" >/dev/null 2>&1
  kill -0 $daemons 2>/dev/null && return
  echo "a daemon died: $*"
  exit
}
"""
"""Say one command. Of a daemon that dies all is lost that it was told, and watchfrr starts all others anew when it is
zebra: what is measured after that is less than it seems."""


def asking(text: str, release: str) -> str:
    """Write the script that says all this to FRR, and prints something only when a daemon dies."""
    deadly = next((lines for version, lines in DEADLY.items() if release.startswith(version)), ())
    asked = [command for command in commands(text) if not command[-1].startswith(deadly)]
    return ASK + "".join(f"ask {' '.join(f'-c {shlex.quote(each)}' for each in command)}\n" for command in asked)


def shell(router: FRRDriver, script: str, seconds: float = 300) -> str:
    output = router._router().run(script, timeout=seconds)
    return output.out


def restart(router: FRRDriver, daemons: Collection[str] = ()) -> None:
    shell(router, "{ systemctl reset-failed frr; systemctl restart frr; } || service frr restart")
    deadline = time.monotonic() + 60
    while missing := {"end", *daemons}.difference(
        shell(router, "vtysh -c 'show running-config' -c 'show daemons' 2>/dev/null").split()
    ):
        assert time.monotonic() < deadline, f"FRR did not come back: {missing}"
        time.sleep(0.5)  # between two looks; the deadline decides


def deaths(router: FRRDriver) -> str:
    """Return what the daemons wrote that died since the test began; some die when a restart ends them, too."""
    return shell(router, f"find /var/tmp/frr -name crashlog -newer {KEPT}/began -exec cat {{}} +")


@pytest.fixture
def everything(device: FRRDriver) -> Iterator[FRRDriver]:
    """A router on which every daemon runs; what it had before is there again at the end."""
    release = device.get_facts()["os_version"]
    shell(device, f"mkdir -p {KEPT} && cp -p /etc/frr/daemons /etc/frr/frr.conf {KEPT}/")
    daemons = shell(device, ENABLE_ALL).split()
    try:
        restart(device, daemons)
        shell(device, f"touch {KEPT}/began")
        print(shell(device, "vtysh -c 'show version'").splitlines()[0])
        for name in ORDER:
            died = shell(device, asking((ASKED / f"{name}.conf").read_text(encoding="utf-8"), release))
            assert not died, f"{name}.conf: {died}\n{deaths(device)}"
        yield device
    finally:
        shell(device, f"cp -p {KEPT}/daemons {KEPT}/frr.conf /etc/frr/ && rm -rf {KEPT}; {CLEAN_KERNEL}")
        restart(device)


def test_our_lines_come_and_go_and_nothing_else_moves(everything: FRRDriver) -> None:
    before = everything.get_config("running")["running"]
    if record := os.environ.get("NAPALM_FRR_RECORD"):
        Path(record).write_text(before, encoding="utf-8")
    print(len(read(before).paths), "lines")
    assert not deaths(everything)
    assert len(read(before).paths) > LEAST

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
    assert not deaths(everything)
