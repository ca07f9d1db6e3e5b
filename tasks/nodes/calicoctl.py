"""calicoctl on the control planes, as in the tutorial's section 5.2: the program, kubectl's plugin, and where it finds the cluster. Pure.

Nothing of Kubepeer uses it. It reads its two variables itself (Calico: "Configure calicoctl to connect to the Kubernetes API datastore");
kubectl takes a program kubectl-NAME for its plugin NAME (Kubernetes: "Extend kubectl with plugins").
"""

from collections.abc import Iterator

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Seen
from tasks.linux.state import Execute, LinuxChange, Remove, file
from tasks.nodes import archives
from tasks.nodes.archives import Place
from tasks.nodes.given import Given

PLACE = Place("/usr/local/bin", None, "calicoctl")
PROGRAM, PLUGIN = "/usr/local/bin/calicoctl", "/usr/local/bin/kubectl-calico"
ENVIRONMENT_FILE = "/etc/profile.d/kubepeer-calicoctl.sh"
ENVIRONMENT = """# Written by Kubepeer: where calicoctl finds the cluster.
export CALICO_DATASTORE_TYPE=kubernetes
export CALICO_KUBECONFIG="$HOME/.kube/config"
"""
QUESTION = f"{archives.taken('calicoctl', PLACE)}; [ ! -h {PLUGIN} ] || echo plugin $(readlink {PLUGIN}); true"


def questions(intent: Intent) -> dict[str, str]:
    """Nothing, where it is not wanted."""
    return {"calicoctl": QUESTION} if intent.software.calicoctl else {}


def paths(intent: Intent) -> list[str]:
    """The file with its variables."""
    return [ENVIRONMENT_FILE] if intent.software.calicoctl else []


def plan(intent: Intent, node: Node, seen: Seen, given: Given) -> Iterator[LinuxChange | None]:
    """The program where its checksum is another, the link, the variables; on workers nothing."""
    wanted = intent.software.calicoctl
    if wanted is None or node.role != "control_plane":
        return
    said = dict(line.split(" ", 1) for line in seen["calicoctl"].lines)
    if said.get("calicoctl") != wanted.sha256:
        yield archives.fetched("calicoctl", wanted, PLACE, intent, given, said.get("calicoctl"))
    linked = said.get("plugin") == PROGRAM
    if wanted.kubectl_plugin and not linked:
        link = Execute(f"{PLUGIN} leads to {PROGRAM}", f"ln -sfn {PROGRAM} {PLUGIN}")
        yield LinuxChange(PLUGIN, None, f"a link to {PROGRAM}\n", steps=(link,))
    elif linked and not wanted.kubectl_plugin:
        yield LinuxChange(PLUGIN, f"a link to {PROGRAM}\n", None, steps=(Remove(PLUGIN),))
    yield file(ENVIRONMENT_FILE, ENVIRONMENT, seen.files[ENVIRONMENT_FILE])
