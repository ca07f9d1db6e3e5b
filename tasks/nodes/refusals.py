"""What is wrong with the version for the whole cluster: refused once, for every host of the run, routers too. Pure."""

from collections.abc import Mapping, Sequence

from kubepeer import versions
from kubepeer.errors import RefusedError
from kubepeer.intent import Intent
from tasks.nodes.facts import NodeFacts
from tasks.nodes.packages import KUBERNETES

NAMED = 2  # hosts that a line names before it counts them
NOTHING = "Nothing was changed on any host."


def refusal(intent: Intent, observed: Mapping[str, NodeFacts], known: Mapping[str, str]) -> RefusedError | None:
    """Why no host may be touched at all; None where there is no such reason.

    Args:
        intent: what is wanted.
        observed: the facts of the nodes that were looked at, by name.
        known: name -> version of Kubernetes, of members that were not looked at.

    """
    runs = dict(known) | {name: facts.kubernetes for name, facts in observed.items() if facts.member}
    return (
        upgrade(intent, runs)
        or another_runtime(intent, observed)
        or no_such_version(intent, observed)
        or no_repository(intent, observed)
    )


def upgrade(intent: Intent, runs: Mapping[str, str]) -> RefusedError | None:
    """Members of the cluster run another version than the inventory says.

    Args:
        intent: what is wanted.
        runs: name of each node that is a member -> the version that it runs.

    """
    wanted = intent.software.kubernetes
    others = {name: version for name, version in runs.items() if version and version != wanted}
    if not others:
        return None
    by_version: dict[str, list[str]] = {}
    for name, version in sorted(others.items(), key=lambda item: item[1]):
        by_version.setdefault(version, []).append(name)
    runs_there = ", ".join(f"Kubernetes {version} ({_names(names)})" for version, names in by_version.items())
    most = max(by_version, key=lambda version: len(by_version[version]))
    newer = all(versions.released(version) < versions.released(wanted) for version in by_version)
    return RefusedError(
        f"the cluster runs {runs_there}, the inventory says {wanted}: deploy.py does not upgrade. {NOTHING}",
        host=intent.cluster.name,
        cure=f"{'python runbooks/upgrade.py upgrades it, or ' if newer else ''}set software.kubernetes: {most}",
    )


def another_runtime(intent: Intent, observed: Mapping[str, NodeFacts]) -> RefusedError | None:
    """The inventory's archive of containerd is of another version than the one that runs on members: all of them would be moved at once."""
    archive = intent.software.runtime_archives.containerd
    if archive is None:
        return None
    others = {
        name: facts.containerd
        for name, facts in observed.items()
        if facts.member and facts.containerd not in ("", archive.version) and not facts.containerd_package
    }
    if not others:
        return None
    stands = ", ".join(dict.fromkeys(others.values()))
    return RefusedError(
        f"containerd {stands} runs on {_names(list(others))}, software.runtime_archives.containerd says {archive.version}: deploy.py"
        f" does not upgrade. {NOTHING}",
        host=intent.cluster.name,
        cure="python runbooks/upgrade.py --containerd, one node after the other",
    )


def no_such_version(intent: Intent, observed: Mapping[str, NodeFacts]) -> RefusedError | None:
    """The repositories have not got the inventory's version: of all nodes, since all have the same lines of it."""
    version = intent.software.kubernetes
    for name, facts in observed.items():
        repository = facts.repository
        if repository is None or repository.trouble:
            continue
        absent = [
            package for package in KUBERNETES if package in facts.lacking and not repository.newest(package, version)
        ]
        if absent:
            examples = ", ".join(repository.examples(absent[0], version))
            return RefusedError(
                f"the package repositories have no {', '.join(absent)} {version}"
                f"{f', but {examples}' if examples else ''} (asked on {name}). {NOTHING}",
                host=intent.cluster.name,
                cure=f"{'set software.kubernetes to one of them, or ' if examples else ''}correct {facts.system.places.repositories}",
            )
    return None


def no_repository(intent: Intent, observed: Mapping[str, NodeFacts]) -> RefusedError | None:
    """No node can read the repositories, and every one of them lacks something. Where some can, the others are refused each for itself."""
    troubles = {name: facts.repository.trouble if facts.repository else "" for name, facts in observed.items()}
    if not troubles or not all(troubles.values()):
        return None
    name, trouble = next(iter(troubles.items()))
    return RefusedError(
        f"the package repositories cannot be read ({trouble}; asked on {name}). {NOTHING}",
        host=intent.cluster.name,
        cure=f"correct {observed[name].system.places.repositories}, or let the nodes reach them",
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} nodes"
