"""Do the versions on a node and in its repositories go with the inventory's? Reasons why not, each with its cure. Pure."""

from collections.abc import Iterator

from kubepeer import versions
from kubepeer.intent import Intent
from tasks.nodes.facts import NodeFacts
from tasks.nodes.packages import CRI_TOOLS, RUNTIME, RUNTIMES, offered_runtime
from tasks.nodes.repository import Repository, minor_of
from tasks.nodes.systems import RPM

CGROUP_2 = "cgroup2fs"  # statfs(2): the unified hierarchy; the older ones are folders in a tmpfs


def software(intent: Intent, own: NodeFacts) -> list[str]:
    """Why this node's software cannot carry the inventory's Kubernetes."""
    return [
        *_control_groups(intent, own),
        *_containerd(intent, own),
        *_cut_off(own),
        *_repository(intent, own),
        *_no_runtime(own),
    ]


def _control_groups(intent: Intent, own: NodeFacts) -> Iterator[str]:
    refuses = versions.has("kubernetes", intent.software.kubernetes, "cgroup v1 refused")
    if refuses and own.cgroups not in ("", CGROUP_2) and not intent.software.allow_cgroup_v1:
        since = versions.minor(versions.since("kubernetes", "cgroup v1 refused"))
        yield (
            f"its control groups are of version 1, and Kubernetes from {since} on refuses them: "
            "boot it with systemd.unified_cgroup_hierarchy=1, or set software.allow_cgroup_v1: true"
        )


def _containerd(intent: Intent, own: NodeFacts) -> Iterator[str]:
    """Of the containerd that is there, or else of the one that would be installed."""
    archive = intent.software.runtime_archives.containerd
    if archive and own.containerd_package:
        remove = f"{own.system.manager} remove" if own.system.family == RPM else "apt-get remove"
        yield (
            f"{own.containerd_package} is installed as a package, and software.runtime_archives.containerd would bring another: "
            f"{remove} {own.containerd_package}, or leave that key out"
        )
    version = (
        (archive.version if archive else "")
        or own.containerd
        or (offered_runtime(own.system, own.repository or Repository()) if RUNTIME in own.lacking else "")
    )
    least, first = versions.containerd_for(intent.software.kubernetes)
    stands = minor_of(version)
    if stands and stands < versions.number(versions.minor(least)):
        where = "is there" if own.containerd else "is what its package repositories have"
        where = "is what software.runtime_archives has" if archive else where
        yield (
            f"containerd {version} {where}, and Kubernetes from {versions.minor(first)} on needs "
            f"{versions.minor(least)} or newer: upgrade it, or use a release of the system that has it"
        )


def _repository(intent: Intent, own: NodeFacts) -> Iterator[str]:
    repository = own.repository
    if repository is None:
        return
    if repository.trouble:
        yield (
            f"its package repositories cannot be read ({repository.trouble}): "
            f"correct {own.system.places.repositories}, or let it reach them"
        )
        return
    no_crictl = CRI_TOOLS in own.lacking and not repository.versions.get(CRI_TOOLS)
    if no_crictl and intent.packages.only_these_repositories:
        where = own.system.places.repositories
        yield f"its package repositories have no {CRI_TOOLS} (crictl): add one that has it to {where}"


def _no_runtime(own: NodeFacts) -> Iterator[str]:
    """Debian's systems have one of their own; Red Hat's have none of that name."""
    repository = own.repository
    if own.system.family != RPM or RUNTIME not in own.lacking or repository is None or repository.trouble:
        return
    if not any(repository.versions.get(name) for name in RUNTIMES):
        yield f"its package repositories have no containerd.io and no containerd: add Docker's to {own.system.places.repositories}"


def _cut_off(own: NodeFacts) -> Iterator[str]:
    """A transaction of rpm that was cut off: which of the two versions is whole nobody knows."""
    if own.twice:
        cure = "package-cleanup --cleandupes" if own.system.manager == "yum" else "dnf remove --duplicates"
        yield f"two versions of {', '.join(own.twice)} are there, by a package transaction that was cut off: end it ({cure})"
