"""What a run has seen of a node at first is asked again only where it may not stand any more."""

from collections.abc import Callable

import pytest

from kubepeer.run import Run
from tasks.control_plane import membership, tasks
from tasks.control_plane.membership import KUBELET_CONF, MEMBER, MemberSeen
from tasks.linux.observe import Answer
from tasks.linux.shell import Completed
from tests.unit.answering import answered

MASTER, WORKER = "k8s-calico-master-10-31-90-1", "k8s-calico-worker-10-31-90-4"


class Shell:
    """A node whose kubelet has its credentials, and whose apiserver is ready."""

    def __init__(self, host: str) -> None:
        self.host, self.asked = host, 0

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:  # noqa: ARG002  the real one has them
        self.asked += 1
        says = {
            "lock": "",
            "leftovers": KUBELET_CONF,
            "api": "ok",
            "kubeconfigs": "root",
            "endpoint": "",
            "restore": "",
        }
        answers = {name: Answer(0, text) for name, text in says.items()}
        return Completed(0, answered(script, answers, membership.FILES), b"")


@pytest.mark.parametrize(
    ("node", "api_ready", "changed", "asked"),
    [
        (MASTER, True, False, 0),
        (MASTER, True, True, 1),
        (MASTER, False, False, 1),  # it may have been starting
        (WORKER, False, False, 0),  # it has none
        (WORKER, False, True, 1),
    ],
)
def test_a_first_look_stands_until_the_run_changes_the_node(
    run_of: Callable[..., Run], node: str, *, api_ready: bool, changed: bool, asked: int
) -> None:
    run, shell = run_of(MASTER, WORKER), Shell(node)
    at_first = MemberSeen((KUBELET_CONF,), api_ready, admin_conf="at first", ca="", kubeconfigs=("root",))
    run.keep(MEMBER, at_first, of=node)
    if changed:
        run.changed.add(node)
    seen = tasks._observe(run, shell)  # type: ignore[arg-type]
    assert shell.asked == asked
    assert (seen == at_first) is (asked == 0)
    assert seen.leftovers == (KUBELET_CONF,)
