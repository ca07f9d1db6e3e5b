"""What verifying the routers of a large cluster costs Kubepeer itself: the reading and the comparison, without any network.

    python -m benchmarks.comparison [--nodes 1000] [--prefixes 5000] [--routers 1]

Every node has a session with every router, and each router has every prefix. The answers are the recorded ones of FRR
(tests/unit/platforms/frr/recorded/healthy.json): each route, neighbour and look-up is one of these with another address in it, as many
as asked for; two service networks have every node as next hop. Told are the processor's seconds of each step, the greatest memory of the
whole process, and both as ratios to a Python that starts and ends.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from tasks.linux.observe import Answer
from tasks.platforms.frr.read import Frr
from tasks.routes.checks import Case, judge
from tasks.routes.expected import ClusterObjects, announced
from tasks.routes.intended import Intended
from tasks.routes.selection import probes_for

RECORDED = Path(__file__).parent.parent / "tests" / "unit" / "platforms" / "frr" / "recorded" / "healthy.json"
PODS, SERVICES = IPv4Network("10.64.0.0/10"), (IPv4Network("10.33.128.0/18"), IPv4Network("10.33.192.0/18"))
FIRST_NODE = IPv4Address("10.31.0.1")
ONE_BLOCK, ONE_NODE = "10.33.5.0/24", "10.31.90.1"  # of the recording
TIMES = 3


class Cluster:
    """A cluster of so many nodes that share so many blocks, as its API and its router tell of it."""

    def __init__(self, nodes: int, prefixes: int) -> None:
        self.nodes = [FIRST_NODE + number for number in range(nodes)]
        subnets = PODS.subnets(new_prefix=26)
        self.blocks = {next(subnets): self.nodes[number % nodes] for number in range(prefixes - len(SERVICES))}
        self._recorded = {
            question: answer["said"] for question, answer in json.loads(RECORDED.read_text(encoding="utf-8")).items()
        }

    def objects(self) -> ClusterObjects:
        """What the API has of it."""
        return ClusterObjects(
            nodes=tuple(
                {
                    "metadata": {"name": str(node)},
                    "status": {"addresses": [{"type": "InternalIP", "address": str(node)}]},
                }
                for node in self.nodes
            ),
            block_affinities=tuple(
                {"spec": {"cidr": str(block), "node": str(node), "state": "confirmed"}}
                for block, node in self.blocks.items()
            ),
            bgp_configuration={"spec": {"serviceClusterIPs": [{"cidr": str(network)} for network in SERVICES]}},
        )

    def answers(self) -> dict[str, Answer]:
        """What the router says of it."""
        one = self._recorded["neighbours"][ONE_NODE]
        said = {
            "neighbours": json.dumps({str(node): one | {"remoteRouterId": str(node)} for node in self.nodes}),
            f"bgp {PODS}": json.dumps({**self._frame("bgp"), "routes": dict(self._bgp())}),
            f"rib {PODS}": json.dumps(dict(self._rib())),
            f"kernel {PODS}": json.dumps(list(self._kernel())),
            "lookups": "\n".join(self._lookups()),
        }
        return {question: Answer(0, text) for question, text in said.items()}

    def _of(self, kind: str) -> Any:
        return next(said for question, said in self._recorded.items() if question.startswith(f"{kind} 10.33.0.0"))

    def _frame(self, kind: str) -> Mapping[str, Any]:
        return {key: value for key, value in self._of(kind).items() if key != "routes"}

    def _bgp(self) -> Iterator[tuple[str, Any]]:
        (one,) = self._of("bgp")["routes"][ONE_BLOCK]
        for block, node in self.blocks.items():
            yield str(block), [_with_hop(one, str(node), peerId=str(node), network=str(block))]
        for network in SERVICES:
            yield (
                str(network),
                [
                    _with_hop(one, str(node), peerId=str(node), network=str(network), multipath=True)
                    for node in self.nodes
                ],
            )

    def _rib(self) -> Iterator[tuple[str, Any]]:
        (one,) = self._of("rib")[ONE_BLOCK]
        for block, node in self.blocks.items():
            yield str(block), [_with_hop(one, str(node), prefix=str(block))]
        for network in SERVICES:
            hops = [{**one["nexthops"][0], "ip": str(node)} for node in self.nodes]
            yield str(network), [{**one, "prefix": str(network), "nexthops": hops}]

    def _kernel(self) -> Iterator[Any]:
        one = next(route for route in self._of("kernel") if route["dst"] == ONE_BLOCK)
        for block, node in self.blocks.items():
            yield {**one, "dst": str(block), "gateway": str(node)}
        for network in SERVICES:
            hops = [{"gateway": str(node), "dev": "eth0", "weight": 1, "flags": []} for node in self.nodes]
            yield {key: value for key, value in one.items() if key != "gateway"} | {
                "dst": str(network),
                "nexthops": hops,
            }

    def _lookups(self) -> Iterator[str]:
        """An answer and the mark between two for each prefix, in the order of the questions."""
        mark = self._recorded["lookups"][1]
        for route in sorted(self._kernel(), key=lambda route: IPv4Network(route["dst"])):
            yield json.dumps([route])
            yield mark


def _with_hop(one: Any, node: str, **more: object) -> Any:
    found = deepcopy(one) | more
    found["nexthops"] = [found["nexthops"][0] | {"ip": node}]
    return found


def measure(nodes: int, prefixes: int, routers: int) -> None:
    """Read and compare each router's answers once, in this process, and print what each step took."""
    cluster = Cluster(nodes, prefixes)
    objects, answers = cluster.objects(), cluster.answers()
    size = sum(len(answer.text) for answer in answers.values())
    before = _memory()
    began = time.process_time()
    expected = announced(objects, SERVICES)
    took = {"expected": time.process_time() - began, "read": 0.0, "judge": 0.0}
    wanted = Intended(
        64512, frozenset({64517}), dict.fromkeys(expected.speakers, 64517), hold_seconds=9, keepalive_seconds=3
    )
    for number in range(routers):
        began = time.process_time()
        seen = Frr().read(answers, probes_for(route.prefix for route in expected.routes))
        read = time.process_time()
        findings = judge(
            Case(
                f"router-{number + 1}",
                expected,
                seen,
                (PODS, *SERVICES),
                dict.fromkeys(expected.speakers, ""),
                intended=wanted,
            )
        )
        took["read"] += read - began
        took["judge"] += time.process_time() - read
        wrong = [finding for finding in findings if not finding.ok]
        if wrong or len(findings) != nodes + 3 * prefixes:
            raise SystemExit(
                f"{len(findings)} findings, {len(wrong)} wrong: {wrong and wrong[0].reason[:200]}: not what is to be measured"
            )
    print(json.dumps({"answers": size * routers, **took, "before": before, "memory": _memory()}))


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _bare_start() -> float:
    began = _of_children()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return _of_children() - began


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure in fresh processes, and print the best of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--prefixes", type=int, default=5000)
    parser.add_argument("--routers", type=int, default=1)
    given = parser.parse_args()
    inside = "KUBEPEER_MEASURED"
    if os.environ.get(inside):
        measure(given.nodes, given.prefixes, given.routers)
        return
    sizes = ("--nodes", given.nodes, "--prefixes", given.prefixes, "--routers", given.routers)
    command = [sys.executable, "-m", __spec__.name, *map(str, sizes)]
    bare = min(_bare_start() for _ in range(TIMES))
    runs = []
    for _ in range(TIMES):
        done = subprocess.run(command, env={**os.environ, inside: "1"}, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout))
    best = min(runs, key=lambda run: run["expected"] + run["read"] + run["judge"])
    whole = best["expected"] + best["read"] + best["judge"]
    size = f"{given.nodes} nodes x {given.routers} routers x {given.prefixes} prefixes"
    print(f"{size}, {best['answers'] / 1e6:.0f} MB of answers; processor's seconds, best of {TIMES}")
    for step, what in (("expected", "what should be"), ("read", "what the routers have"), ("judge", "the comparison")):
        print(f"  {what:22} {best[step]:6.2f} s")
    print(f"  {'together':22} {whole:6.2f} s   {whole / bare:.0f} times a Python that starts and ends ({bare:.3f} s)")
    print(f"  {'memory':22} {best['memory']:6.0f} MB, {best['before']:.0f} of them before (the answers made up)")


if __name__ == "__main__":
    main()
