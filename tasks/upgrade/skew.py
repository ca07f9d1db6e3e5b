"""Which version may follow which: kubeadm's rules, and those of the version skew policy. Pure.

Sources: Kubernetes, "Version Skew Policy" (an apiserver serves kubelets of three minors before it, of two before 1.28) and "Upgrading
kubeadm clusters"; kubeadm, phases/upgrade/policy.go (one minor at a time). etcd's data is not taken back to an older minor.
"""

from collections.abc import Iterable, Mapping

from kubepeer import versions
from kubepeer.errors import RefusedError
from kubepeer.words import listed
from tasks.upgrade.seen import NodeVersions

NAMED = 3
NOTHING = "Nothing was changed on any host."


def path(stands: str, wanted: str) -> str:
    """The minors from one version to another, as they are gone through: 1.34 -> 1.35 -> 1.36."""
    (major, first), last = versions.number(versions.minor(stands)), versions.number(wanted)[1]
    return " -> ".join(f"{major}.{number}" for number in range(first, last + 1))


def refusal(cluster: str, wanted: str, found: Mapping[str, NodeVersions]) -> RefusedError | None:
    """Why the cluster cannot go to a version; None where it can, or is there.

    Args:
        cluster: its name.
        wanted: the version.
        found: name -> what each node has, of its members.

    """
    said = _downgrade(wanted, found) or _jump(wanted, found) or _kubelets(wanted, found)
    if not said:
        return None
    what, cure = said
    return RefusedError(f"{what}. {NOTHING}", host=cluster, cure=cure)


def _downgrade(wanted: str, found: Mapping[str, NodeVersions]) -> tuple[str, str] | None:
    every = {name: version for name, one in found.items() for version in one.that_run}
    newest = max(every.values(), key=versions.released, default=wanted)
    if versions.released(newest) <= versions.released(wanted):
        return None
    have = [name for name, one in found.items() if newest in one.that_run]
    what = f"Kubernetes {newest} runs on {listed(have, NAMED)}, the inventory says {wanted}, and there is no way back to an older version"
    return what, f"set software.kubernetes: {newest}, or a newer one"


def _jump(wanted: str, found: Mapping[str, NodeVersions]) -> tuple[str, str] | None:
    oldest = min((one.apiserver for one in found.values() if one.apiserver), key=versions.released, default=wanted)
    (major, stands), (wanted_major, further) = versions.released(oldest)[:2], versions.number(wanted)[:2]
    if major == wanted_major and further - stands <= 1:
        return None
    way = path(oldest, wanted)
    next_minor = f"{major}.{stands + 1}"
    return (
        f"from Kubernetes {oldest} to {wanted} is more than one minor version, and kubeadm goes one at a time: {way}",
        f"set software.kubernetes to the newest {next_minor}, and the package repository to that minor; then run this again for the next",
    )


def _kubelets(wanted: str, found: Mapping[str, NodeVersions]) -> tuple[str, str] | None:
    allowed = 3 if versions.has("kubernetes", wanted, "kubelets of three minors") else 2
    least = versions.number(wanted)[1] - allowed
    old = {
        name: one.running
        for name, one in found.items()
        if one.running and versions.released(one.running)[1:2] < (least,)
    }
    if not old:
        return None
    told = listed([f"{name} ({version})" for name, version in old.items()], NAMED)
    return (
        f"the kubelet of {told} is older than an apiserver of {wanted} serves: 1.{least} at least",
        "upgrade those nodes first, to the version that the control planes have",
    )


def no_members(names: Iterable[str]) -> str:
    """Of nodes that are to be upgraded and are none of the cluster."""
    return f"{listed(list(names), NAMED)} is no member of the cluster: python runbooks/deploy.py makes it one, in the version of the others"
