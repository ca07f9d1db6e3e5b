"""The FRR driver against frr-reload.py by itself: one large change, the same router, one run.

    NAPALM_FRR_HOST=... python -m benchmarks.napalm_frr [--neighbours 300] [--lines 2000]

The router is named by the variables of the driver's live tests (drivers/napalm-frr/tests/live/conftest.py) and may be
changed at will. What ran before runs again at the end: FRR is restarted from its startup file between the measurements.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from napalm_frr import FRRDriver
from napalm_frr.configuration import read, text_of

# The bound of one step; frr-reload.py alone takes more than three minutes for the change of the defaults on FRR 8.4.
STEP_SECONDS = 900
ALONE = "/tmp/frr-reload-alone"  # noqa: S108 (on the router)
RELOAD = "frr-reload.py by itself"
FIRST_NEIGHBOUR = ip_address("192.0.2.1")
PREFIXES = ip_network("10.0.0.0/8").subnets(new_prefix=24)


def fragment(process: str, neighbours: int, lines: int) -> str:
    """A peer group with many members, each described, and a long prefix list."""
    entries = (f"ip prefix-list MANY seq {5 * number} permit {prefix}" for number, prefix in _numbered(lines))
    policies = ("route-map MANY permit 10", " match ip address prefix-list MANY", "exit")
    members = []
    for number in range(neighbours):
        address = FIRST_NEIGHBOUR + 256 * (number // 250) + number % 250
        members += [f" neighbor {address} peer-group MANY", f" neighbor {address} description node {number}"]
    group = (" neighbor MANY peer-group", " neighbor MANY remote-as 64517", " neighbor MANY timers 3 9")
    family = (" address-family ipv4 unicast", "  neighbor MANY route-map MANY in", "  neighbor MANY route-map MANY out",
              " exit-address-family", "exit")  # fmt: skip
    return "\n".join([*entries, *policies, process, *group, *members, *family]) + "\n"


def _numbered(lines: int) -> list[tuple[int, object]]:
    return [(number, next(PREFIXES)) for number in range(1, lines + 1)]


def seconds(step: Callable[[], object]) -> float:
    """How long a step takes."""
    begin = time.monotonic()
    step()
    return time.monotonic() - begin


class Bench:
    """One router, at what its startup file says."""

    def __init__(self, device: FRRDriver) -> None:
        """Keep the driver, and read what runs."""
        self.device = device
        self.running = device.get_config("running")["running"]

    def shell(self, script: str) -> str:
        """Run a script on the router; a failure ends the benchmark."""
        output = self.device._router().run(script, timeout=STEP_SECONDS)
        if output.code != 0:
            raise SystemExit(f"exit {output.code}: {output.words[-2000:]}")
        said: str = output.out
        return said

    def restart(self) -> None:
        """Back to the startup file, and wait until it runs."""
        self.shell("systemctl reset-failed frr; systemctl restart frr")
        deadline = time.monotonic() + 60
        while not read(self.device.get_config("running")["running"]).same_as(read(self.running)):
            if time.monotonic() > deadline:
                raise SystemExit("the router does not come back to its startup file")
            time.sleep(0.5)

    def alone(self, target: str) -> dict[str, float]:
        """frr-reload.py, as somebody calls it on the router; the startup file stays out of it."""
        self.shell(f"rm -rf {ALONE}; mkdir -m 700 {ALONE}; cp /etc/frr/vtysh.conf {ALONE}\n"
                   f"cat >{ALONE}/frr.conf <<'END_OF_TARGET'\n{target}\nEND_OF_TARGET\n")  # fmt: skip
        program = f"python3 /usr/lib/frr/frr-reload.py --stdout --confdir {ALONE} --rundir {ALONE} {ALONE}/frr.conf"
        taken = {
            "compare": seconds(lambda: self.shell(f"{program} --test >{ALONE}/log")),
            "commit": seconds(lambda: self.shell(f"{program} --reload >{ALONE}/log")),
        }
        self.must_run(target)
        self.shell(f"rm -rf {ALONE}")
        self.restart()
        return taken

    def driver(self, load: Callable[[], None], target: str) -> dict[str, float]:
        """The driver's whole way: load and compare, commit with a timer, confirm, roll back."""

        def compare() -> None:
            load()
            self.device.compare_config()

        taken = {
            "compare": seconds(compare),
            "commit": seconds(lambda: self.device.commit_config(revert_in=STEP_SECONDS)),
        }
        self.must_run(target)
        taken["confirm"] = seconds(self.device.confirm_commit)
        taken["rollback"] = seconds(self.device.rollback)
        self.must_run(self.running)
        return taken

    def must_run(self, target: str) -> None:
        """A time counts only where the change was made."""
        if not read(self.device.get_config("running")["running"]).same_as(read(target)):
            raise SystemExit("what runs is not what was to run")

    def target(self, change: str) -> str:
        """What would run, as text: the driver's own prediction, which both sides are held to."""
        self.device.load_merge_candidate(config=change)
        candidate = self.device._candidate
        if candidate is None:
            raise SystemExit("nothing was loaded")
        text: str = text_of(candidate.plan(self.running).effective)
        self.device.discard_config()
        return text


def table(columns: dict[str, dict[str, float]]) -> str:
    """The times, and how many times those of frr-reload.py they are."""
    names = list(columns)
    rows = [["step", *(f"{name}, s" for name in names)], ["---"] * (len(names) + 1)]
    for step in ("compare", "commit", "confirm", "rollback"):
        row = [step]
        for name in names:
            taken, reload = columns[name].get(step), columns[RELOAD].get(step)
            ratio = f" ({taken / reload:.2f} x)" if taken and reload and name != RELOAD else ""
            row.append(f"{taken:.2f}{ratio}" if taken else "")
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--neighbours", type=int, default=300)
    parser.add_argument("--lines", type=int, default=2000)
    wanted = parser.parse_args()
    namespace = os.environ.pop("NAPALM_FRR_NAMESPACE", "")
    if namespace:
        here = [sys.executable, "-m", "benchmarks.napalm_frr", *sys.argv[1:]]
        os.execvp("ip", ["ip", "netns", "exec", namespace, *here])  # noqa: S606
    user, password = os.environ.get("NAPALM_FRR_USERNAME", "root"), os.environ.get("NAPALM_FRR_PASSWORD", "")
    options = json.loads(os.environ.get("NAPALM_FRR_OPTIONAL_ARGS", "{}"))
    host = os.environ.get("NAPALM_FRR_HOST") or sys.exit("no router: set NAPALM_FRR_HOST")
    with FRRDriver(host, user, password, optional_args=options) as device:
        bench = Bench(device)
        process = next(line for line in bench.running.splitlines() if line.startswith("router bgp "))
        change = fragment(process, wanted.neighbours, wanted.lines)
        target = bench.target(change)
        columns = {
            RELOAD: bench.alone(target),
            "merge": bench.driver(lambda: device.load_merge_candidate(config=change), target),
            "replace": bench.driver(lambda: device.load_replace_candidate(config=target), target),
        }
        print(f"FRR {device.get_facts()['os_version']}: {wanted.neighbours} neighbours, {wanted.lines} lines\n")
        print(table(columns))


if __name__ == "__main__":
    main()
