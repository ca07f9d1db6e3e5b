"""What a node has of Kubernetes: its packages, the kubelet that runs, its static pods; asked in one round trip. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubepeer.intent import Node
from kubepeer.memory import Memory
from tasks.control_plane.kubeconfigs import ADMIN_CONF
from tasks.control_plane.record import MANIFESTS
from tasks.control_plane.settings import APISERVER, CONTROLLER_MANAGER, FOLDER, SCHEDULER
from tasks.linux.observe import Seen
from tasks.nodes.packages import (
    KUBERNETES,
    MEMBER_QUESTION,
    PACKAGES_QUESTION,
    RUNNING_QUESTION,
    RUNTIMES,
    installed,
    version_that_runs,
)
from tasks.nodes.repository import upstream

# Written before kubeadm begins to upgrade a node, and taken away when it has ended well: what was cut off in between is done again.
UNFINISHED = f"{FOLDER}/upgrading"
STATIC_PODS = (APISERVER, CONTROLLER_MANAGER, SCHEDULER)
_IMAGES = f"""for c in {" ".join(STATIC_PODS)}; do f={MANIFESTS}/$c.yaml
    [ ! -f "$f" ] || echo "$c $(sed -n 's/^ *image: *//p' "$f" | head -n 1)"
done"""
# Each apiserver counts for itself, since it began.
_DEPRECATED = (
    f"kubectl --kubeconfig {ADMIN_CONF} --server https://{{address}}:6443 --request-timeout=10s get --raw /metrics 2>/dev/null"
    " | grep '^apiserver_requested_deprecated_apis'; true"
)
SECONDS = 60


def questions(node: Node) -> dict[str, str]:
    """Read-only commands."""
    found = {
        "packages": PACKAGES_QUESTION,
        "running": RUNNING_QUESTION,
        "member": MEMBER_QUESTION,
        "unfinished": f"cat {UNFINISHED} 2>/dev/null; true",
    }
    if node.role == "control_plane":
        address = f"[{node.address}]" if node.address.version == 6 else str(node.address)  # noqa: PLR2004  of the two families
        found |= {"static pods": _IMAGES, "deprecated": _DEPRECATED.format(address=address)}
    return found


@dataclass(frozen=True)
class NodeVersions:
    """The versions of a node.

    Attributes:
        packages: of kubeadm, kubelet and kubectl, those that are installed.
        running: of the kubelet that runs; "" for none.
        static_pods: component -> version of its manifest's image, of a control plane.
        member: it has joined a cluster.
        unfinished: the version of an upgrade by kubeadm that was cut off; "" for none.
        runtime: the package that it has its container runtime from, and the package's version; "" for none.
        deprecated: lines of the apiserver's metrics about deprecated APIs that somebody has asked for.

    """

    packages: Mapping[str, str] = field(default_factory=dict)
    running: str = ""
    static_pods: Mapping[str, str] = field(default_factory=dict)
    member: bool = True
    unfinished: str = ""
    runtime: tuple[str, str] = ("", "")
    deprecated: tuple[str, ...] = ()

    @property
    def apiserver(self) -> str:
        """The version of its apiserver; "" where it has none."""
        return self.static_pods.get(APISERVER, "")

    @property
    def that_run(self) -> tuple[str, ...]:
        """The versions that run on it: kubeadm and kubectl do not count, which run for a moment."""
        return tuple(version for version in (self.running, *self.static_pods.values()) if version)

    def applied(self, wanted: str) -> bool:
        """Whether kubeadm has brought its control plane to a version, to the end."""
        return not self.unfinished and all(self.static_pods.get(name) == wanted for name in STATIC_PODS)

    def current(self, wanted: str) -> bool:
        """Whether its kubelet runs in a version, and its packages have it."""
        every = all(self.packages.get(name) == wanted for name in KUBERNETES)
        return every and self.running == wanted and not self.unfinished


VERSIONS = Memory[NodeVersions]("the versions that each node has")


def versions_of(seen: Seen) -> NodeVersions:
    """Read the answers to questions()."""
    stands = installed(seen["packages"])
    pods = seen.answers.get("static pods")
    images = dict(line.split(" ", 1) for line in pods.lines if " " in line.strip()) if pods else {}
    deprecated = seen.answers.get("deprecated")
    return NodeVersions(
        packages={name: upstream(stands[name]) for name in KUBERNETES if name in stands},
        running=version_that_runs(stands, seen["running"]),
        static_pods={name: _tag(image) for name, image in images.items()},
        member=bool(seen["member"].lines),
        unfinished=seen["unfinished"].text.strip(),
        runtime=next(((name, stands[name]) for name in RUNTIMES if name in stands), ("", "")),
        deprecated=tuple(deprecated.lines) if deprecated else (),
    )


def _tag(image: str) -> str:
    """The version in the name of an image, which a digest may follow: 1.36.3 of registry.k8s.io/kube-apiserver:v1.36.3@sha256:..."""
    return image.strip().strip("\"'").partition("@")[0].rpartition(":")[2].removeprefix("v")
