"""verify_routes.py as a whole process, against a bare Python start and against the bare show commands by ssh; then among foreign routes.

    python -m benchmarks.verification [--foreign 100000]

The seed's cluster must stand in the lab. The bare commands are those that a person would type for the same three layers, to both
routers at once, each by one ssh of OpenSSH. Then the first router gets so many foreign prefixes of six next hops each, in its
kernel, its table (zebra learns them) and BGP (`redistribute kernel`), and all is measured again; at the end they are taken away.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from lab.access import ssh_command
from lab.places import instance
from lab.topology import MACHINES
from tests.lab.laboratory import ADDRESSES, ROUTERS, Laboratory, wait_for
from tests.lab.runbooks import Project

TIMES = 7
FOREIGN = IPv4Network("20.0.0.0/8")
OWN_PROTOCOL = "200"  # of the kernel's routes: /etc/iproute2/rt_protos leaves it free
CLUSTER = "10.33.0.0/16"
SETTLE_SECONDS = 300
SHOWN = {
    "frr": (
        "vtysh -c 'show bgp neighbors json'",
        f"vtysh -c 'show bgp ipv4 unicast {CLUSTER} longer-prefixes json'",
        f"vtysh -c 'show ip route {CLUSTER} longer-prefixes json'",
        "ip route show",
    ),
    "bird": ("birdc show protocols all", f"birdc show route all in {CLUSTER}", "ip route show"),
}


def median(what: Callable[[], object]) -> float:
    """Seconds, the median of several."""
    seconds = []
    for _ in range(TIMES):
        began = time.monotonic()
        what()
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds)


def python() -> None:
    """Start and end."""
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def by_hand(router: str) -> None:
    """The bare commands, one login."""
    machine = next(one for one in MACHINES if one.name == router)
    commands = SHOWN["bird" if "bird" in machine.role.value else "frr"]
    command = ssh_command(instance(), machine, ["sh", "-c", f"'{'; '.join(commands).replace(chr(39), chr(34))}'"])
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode or CLUSTER[:6] not in done.stdout:
        raise SystemExit(f"{router}: exit {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")


def measure(verify: Callable[[], object]) -> dict[str, float]:
    """All three, in seconds."""
    with ThreadPoolExecutor(len(ROUTERS)) as pool:
        return {
            "verify_routes.py, whole process": median(verify),
            "the show commands by ssh, both routers at once": median(lambda: list(pool.map(by_hand, ROUTERS))),
            "Python, start and end": median(python),
        }


@contextmanager
def foreign(lab: Laboratory, router: str, count: int) -> Iterator[None]:
    """Foreign prefixes in all three layers of a router that runs FRR."""
    hops = " ".join(f"nexthop via {address} dev eth0" for address in ADDRESSES.values())
    subnets = FOREIGN.subnets(new_prefix=26)
    lines = [f"route add {next(subnets)} proto {OWN_PROTOCOL} {hops}" for _ in range(count)]
    namespace = f"{lab.name}-{router}"

    def configure(*statements: str) -> None:
        words = " ".join(f"-c '{one}'" for one in ("configure terminal", "router bgp 64512", *statements))
        lab.inside(router, f"vtysh {words}", deadline=SETTLE_SECONDS)

    def in_bgp() -> int:
        told = lab.inside(router, "vtysh -c 'show bgp ipv4 unicast statistics'", deadline=SETTLE_SECONDS)
        return next(int(line.split(":")[1]) for line in told.splitlines() if line.startswith("Total Prefixes"))

    before = in_bgp()
    try:
        subprocess.run(["ip", "-n", namespace, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
        configure("address-family ipv4 unicast", "redistribute kernel")
        wait_for("BGP has them all", lambda: in_bgp() >= before + count, SETTLE_SECONDS, pause=2)
        yield
    finally:
        configure("address-family ipv4 unicast", "no redistribute kernel")
        gone = "\n".join(line.partition(" proto ")[0].replace(" add ", " del ") for line in lines)
        subprocess.run(
            ["ip", "-force", "-n", namespace, "-batch", "-"],
            input=gone,
            text=True,
            check=False,
            stderr=subprocess.DEVNULL,
        )
        wait_for("BGP has none of them", lambda: in_bgp() <= before, SETTLE_SECONDS, pause=2)


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--foreign", type=int, default=100_000, metavar="PREFIXES")
    count = parser.parse_args().foreign
    lab = Laboratory(instance())
    with tempfile.TemporaryDirectory(prefix="kubepeer-verification-") as folder:
        runbooks = Project.of(Path(folder), lab.instance).edited()
        results = {"": measure(lambda: runbooks.verify().ended(0))}
        if count:
            with foreign(lab, ROUTERS[0], count):
                results[f"among {count} foreign prefixes of {len(ADDRESSES)} next hops"] = measure(
                    lambda: runbooks.verify().ended(0)
                )
    for where, found in results.items():
        print(f"{where or 'the cluster of the seed'} (median of {TIMES})")
        whole = next(iter(found.values()))
        for what, seconds in found.items():
            print(f"  {what:48} {seconds:6.2f} s   {whole / seconds:5.1f}")
    first, *more = (next(iter(found.values())) for found in results.values())
    for other in more:
        print(f"among foreign prefixes: {other / first:.2f} times")


if __name__ == "__main__":
    main()
