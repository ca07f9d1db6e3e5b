"""Nodes whose kubelet falls silent while a run goes on: waited for as long as a machine takes to start anew, and no longer."""

import time
from collections.abc import Sequence

from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster import obstacles
from tasks.cluster.api import Manifest

# From when the API calls it silent, which takes 40 to 50 s by itself (kube-controller-manager, --node-monitor-grace-period).
START_SECONDS = 120
SINCE = Memory[dict[str, float]]("since when a node's kubelet is silent, as this run has seen it")


def given_up(run: Run, nodes: Sequence[Manifest]) -> set[str]:
    """The names of the nodes that nobody waits for any longer; the run tells of each, once.

    Args:
        run: the running run.
        nodes: all, as the API has them now.

    """
    since, now = run.once(SINCE, dict), time.monotonic()
    silent = {node["metadata"]["name"]: node for node in nodes if obstacles.is_silent(node)}
    for name in since.keys() - silent:
        del since[name]
    gone = {name for name in silent if now - since.setdefault(name, now) >= START_SECONDS}
    for name, words in obstacles.away([silent[name] for name in gone]).items():
        run.warn(f"node {name} was not waited for any longer: for {START_SECONDS} s it is not Ready ({words})")
    return gone
