"""Why one of the API's servers does not serve, while the others do: what its control plane says of it. Pure."""

from collections.abc import Iterable, Mapping

from kubepeer.checks import Evidence, Finding
from kubepeer.intent import Node
from kubepeer.intent.families import Address, by_number
from tasks.control_plane.holders import CHECK
from tasks.linux.observe import Answer
from tasks.routes.causes.cause import Cause, Explanation
from tasks.routes.causes.node_look import STOPPED

SERVER = "kube-apiserver"
MANIFEST = f"/etc/kubernetes/manifests/{SERVER}.yaml"  # of kubeadm
ASKED_API = "EndpointSlice of default/kubernetes"
STATE = f"the state of {SERVER}'s process"
QUESTIONS = {
    "manifest": f"[ -e {MANIFEST} ] && echo there || echo absent",
    "process": f"pid=$(pgrep -x {SERVER} | head -n 1);"
    ' [ -z "$pid" ] || sed -n "s/^State:[[:space:]]*\\(.\\).*/\\1/p" /proc/$pid/status 2>/dev/null; true',
}
PUT_BACK = f"on {{node}}: put {MANIFEST} back, once it is known who has taken it away; its kubelet starts it by itself"
CONTINUE = f"on {{node}}: pkill -CONT -x {SERVER}, once it is known who stopped it"
LOG = f"on {{node}}: crictl ps -a --name {SERVER}, and crictl logs of the newest: why it ends, or does not get ready"


class ApiServerDown(Cause):
    """One of the API's servers does not serve, while another one answers: routes are proved all the same.

    Looks at   the addresses that the API has for itself (the service kubernetes), that control plane's manifest and process.
    Proved by  a control plane whose address is none of them, and that says itself how its kube-apiserver is.
    Cure       the manifest is put back, the process is let go on, or its log says why it ends.
    """

    def explain(self, node: Node, serving: Iterable[Address], answers: Mapping[str, Answer]) -> Explanation:
        """What the API says, and what the control plane says.

        Args:
            node: the control plane whose server does not serve.
            serving: the addresses of those that do.
            answers: the control plane's, to QUESTIONS.

        """
        others = ", ".join(map(str, sorted(serving, key=by_number)))
        state = answers["process"].text.strip()
        if answers["manifest"].text.strip() == "absent":
            why, cure = "its manifest is not there", PUT_BACK
            said = Evidence(node.name, f"ls {MANIFEST}", "absent")
        elif state in STOPPED:
            why, cure = "it is stopped (SIGSTOP)", CONTINUE
            said = Evidence(node.name, STATE, f"{state} (stopped)")
        else:
            why, cure = ("it runs, and is not ready" if state else "it does not run"), LOG
            said = Evidence(node.name, STATE, state or "no process")
        return Explanation(
            type(self).__name__,
            f"{SERVER} of {node.name} does not serve: {why}",
            (Evidence("api", ASKED_API, f"{others}: {node.address} is none of them"), said),
            cure.format(node=node.name),
        )


SERVERS = ApiServerDown()
OF_API_SERVERS = (SERVERS,)


def remark(host: str, node: Node, serving: frozenset[Address], answers: Mapping[str, Answer]) -> Finding:
    """That an API server does not serve: no fault of a route.

    Args:
        host: in whose name it is said.
        node: the control plane whose server does not serve.
        serving: the addresses of those that do.
        answers: the control plane's, to QUESTIONS.

    """
    found = SERVERS.explain(node, serving, answers)
    observed = tuple(map(str, sorted(serving, key=by_number)))
    return Finding(
        host, CHECK, node.name, "api", ok=True, expected=("serves",), observed=observed,
        reason=found.says, cause=found.cause, evidence=found.evidence, cure=found.cure,
    )  # fmt: skip
