"""May a node be replaced, and must it be? By what its machine holds and what the cluster still has of it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubepeer.intent import Node
from tasks.control_plane.membership import Membership

Refusal = tuple[str, str]  # what is said, and the cure
REPORTS, SILENT = (
    "True",
    "Unknown",
)  # core/v1, NodeCondition of the type Ready; "False" is said by a kubelet that reports, too


@dataclass(frozen=True)
class Replaced:
    """A node that is named to be replaced.

    Attributes:
        node: which.
        state: what its machine has come to; None where it could not be asked.
        ready: the status of its Node's condition Ready; "" where the cluster has no such Node.
        held: a file of a cluster that its machine has.
        quorum: why etcd cannot let its member go; "" where it can, and where it has none.

    """

    node: Node
    state: Membership | None
    ready: str = ""
    held: str = ""
    quorum: str = ""


def left_out(names: Sequence[str]) -> Iterator[Refusal]:
    """Why nothing begins where --host or --group leave out a node that is to be replaced."""
    if names:
        yield (
            f"{', '.join(names)}: to be replaced, and not among the hosts that may be changed",
            "add --host, or leave it out",
        )


def unasked(cluster: str, stale: Sequence[Node]) -> Iterator[Refusal]:
    """Why nothing begins where a machine is bare, the cluster has its Node, and nobody has said that it is replaced.

    Args:
        cluster: its name.
        stale: such nodes.

    """
    if stale:
        names = ", ".join(node.name for node in stale)
        said = f"{names}: the machine is bare, and {cluster} still has a Node of that name"
        options = " ".join(f"--replace {node.name}" for node in stale)
        yield said, f"if it died and was installed anew: python runbooks/deploy.py {options}"


def refusals(cluster: str, replaced: Sequence[Replaced]) -> Iterator[Refusal]:
    """Why a node that is named is not replaced.

    A join that was cut off is no reason: the same command goes on with it. Neither is a member whose kubelet reports that it is not Ready:
    what it lacks comes later in the run.

    Args:
        cluster: its name.
        replaced: those that are named.

    """
    for one in replaced:
        name = one.node.name
        if one.state is None:
            yield (
                f"{name} is to be replaced, and does not answer",
                "install its machine anew under that name and address first",
            )
        elif one.state is Membership.FULL and one.ready == REPORTS:
            yield (
                f"{name} is a member of {cluster} and Ready: there is nothing to replace",
                "run without --replace: where a run was cut off, that goes on with it",
            )
        elif one.state is Membership.FULL and one.ready == SILENT:
            yield (
                f"{name} is to be replaced, and its machine is not bare ({one.held})",
                f"start its kubelet, or take it out: python runbooks/remove_node.py {name}; or install the machine anew",
            )
        elif one.state is Membership.NONE and one.ready == REPORTS:
            yield (
                f"{name} is to be replaced, its machine is bare, and a kubelet still reports as that node: another machine has its name",
                "switch the other machine off, or correct the host's address in the inventory",
            )
        elif one.quorum:
            yield f"{name} cannot be replaced: {one.quorum}", "bring the other control planes' etcd back first"


def said(found: Sequence[Refusal]) -> Refusal | None:
    """All of it in a line; None where nothing stands against a beginning."""
    if not found:
        return None
    return "; ".join(message for message, _ in found), "; ".join(dict.fromkeys(cure for _, cure in found))
