"""What the cluster was told not to announce: by a label, which is a remark; a pool of the inventory, which is a fault. Pure."""

from collections.abc import Collection, Iterator

from kubepeer.checks import Evidence, Finding
from kubepeer.intent.families import Network
from tasks.platforms.hops import shortened
from tasks.routes.causes.cause import Cause, Explanation
from tasks.routes.checks import REMARK
from tasks.routes.expected import EXCLUDED, Announced


class NodeExcludedByLabel(Cause):
    """A node announces no network and no address of services, since its label says so.

    Looks at   the labels of the nodes.
    Proved by  node.kubernetes.io/exclude-from-external-load-balancers with the exact value "true".
    Cure       the label goes: python runbooks/undrain.py where drain.py has set it, else kubectl label.
    """

    cure = "kubectl label node {node} {label}-, or python runbooks/undrain.py where drain.py has set it"

    def explain(self, announced: Announced) -> Explanation | None:
        """The nodes that have it."""
        if not announced.excluded:
            return None
        names = ", ".join(announced.excluded.values())
        hops = shortened(map(str, announced.excluded))
        return self.proved(
            f"no services are announced by {hops} ({names}): excluded by label",
            *(Evidence("api", f"Node {name}", f"{EXCLUDED}: true") for name in announced.excluded.values()),
            node=next(iter(announced.excluded.values())),
            label=EXCLUDED,
        )


class PoolNotExported(Cause):
    """The blocks of a pool are announced to nobody, since the pool says so.

    Looks at   the IPPools, and the pools of the inventory.
    Proved by  disableBGPExport of one that the inventory announces.
    Cure       python runbooks/deploy.py writes the pool as the inventory has it.
    """

    cure = "python runbooks/deploy.py writes the pool as the inventory has it; of a cluster that Kubepeer did not build its owner does"

    def explain(self, announced: Announced, meant: Collection[Network]) -> Explanation | None:
        """The pools that have it."""
        hidden = [pool for pool in announced.unexported if pool in meant]
        if not hidden:
            return None
        pools = ", ".join(map(str, hidden))
        return self.proved(
            f"the blocks of {pools} are announced to nobody: disableBGPExport of the pool",
            *(Evidence("api", f"IPPool {pool}", "disableBGPExport: true") for pool in hidden),
        )


EXCLUSION, EXPORT = NodeExcludedByLabel(), PoolNotExported()
OF_INTENT = (EXCLUSION, EXPORT)
NOT_ANNOUNCED = "announced pools"  # the check of a finding that a pool of the inventory is not announced


def told(host: str, announced: Announced, meant: Collection[Network]) -> Iterator[Finding]:
    """A remark of the nodes that are excluded, a failure of the pools that the inventory announces and the cluster does not.

    Args:
        host: the router.
        announced: what the cluster announces.
        meant: the pools that the inventory announces.

    """
    if found := EXCLUSION.explain(announced):
        yield _finding(host, REMARK, "exclusion", found, ok=True)
    if found := EXPORT.explain(announced, meant):
        yield _finding(host, NOT_ANNOUNCED, "pools", found, ok=False)


def _finding(host: str, check: str, subject: str, found: Explanation, *, ok: bool) -> Finding:
    return Finding(
        host, check, subject, "api", ok,
        reason=found.says, cause=found.cause, evidence=found.evidence, cure=found.cure,
    )  # fmt: skip
