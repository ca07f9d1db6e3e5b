"""The images that kubeadm and the kubelet will ask for, pulled before a node joins: listed by kubeadm itself. Pure.

kubeadm would pull them in its turn, one node after the other, and an image that cannot be had would be an error in the middle of a join.
"""

import shlex

from kubepeer.intent import Intent, Node
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange

LIST_SECONDS = 60
PULL_SECONDS = 900  # of one image, over a slow line
TRIES = 3
# Each image that is not there, a line; `crictl images NAME` lists all that there are, since containerd leaves the name unread. kubeadm asks
# nobody for the version where it is told one.
LIST = """{lock}listed=$(kubeadm config images list --image-repository {repository} --kubernetes-version v{version} 2>/dev/null) || {{
    echo "kubeadm config images list says nothing of {version}" >&2; exit 1; }}
for image in $(printf '%s\\n' "$listed"{only}) {others}; do
    crictl inspecti -q "$image" >/dev/null 2>&1 || echo "$image"
done"""
OF_A_WORKER = " | grep -E '/kube-proxy:'"
# crictl's last line has what the registry said, behind the words of gRPC
PULL = """{lock}n=0
until said=$(crictl pull {image} 2>&1 >/dev/null); do
    n=$((n + 1)); [ $n -lt {tries} ] || {{
        printf '%s\\n' "$said" | tail -n 1 | sed 's/.*rpc error: //; s/^code = [A-Za-z]* desc = //' >&2; exit 1; }}
    sleep 2
done"""


def _others(intent: Intent, node: Node) -> tuple[str, ...]:
    """What kubeadm does not list: the sandbox of every pod, and the endpoint's static pods."""
    software = intent.software
    endpoint = (software.haproxy_image, software.keepalived_image) if node.role == "control_plane" else ()
    return (software.pause_image, *endpoint)


def planned(intent: Intent, node: Node) -> LinuxChange:
    """What a dry run shows: before kubeadm is installed nobody knows its list."""
    listed = "all that kubeadm lists" if node.role == "control_plane" else "kube-proxy"
    after = f"{listed}, from {intent.software.image_repository}; {', '.join(_others(intent, node))}"
    return LinuxChange("images", None, after)


def list_script(intent: Intent, node: Node) -> str:
    """Of a control plane all of kubeadm's list and the endpoint's; of a worker kube-proxy and the sandbox."""
    return LIST.format(
        lock=UNDER_LOCK,
        repository=shlex.quote(intent.software.image_repository),
        version=intent.software.kubernetes,
        only="" if node.role == "control_plane" else OF_A_WORKER,
        others=" ".join(map(shlex.quote, _others(intent, node))),
    )


def lacking(text: str) -> tuple[str, ...]:
    """What list_script printed, each image once: kubeadm may list the sandbox's, too."""
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def pull(image: str) -> LinuxChange:
    """One image."""
    script = PULL.format(lock=UNDER_LOCK, image=shlex.quote(image), tries=TRIES)
    return LinuxChange(f"image {image}", None, "pulled", steps=(Execute("crictl pull", script, PULL_SECONDS),))
