"""The packages of a node in another version: from the inventory's repository, which may be another minor's, and held again. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Seen
from tasks.linux.state import WAIT_FOR_LOCK, Execute, LinuxChange, clearing_marker, file, marker_of, unit_says
from tasks.nodes import proxy, systems
from tasks.nodes.given import Given
from tasks.nodes.managers.apt import APT_FILE, CODENAME_QUESTION
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.nodes.managers.rpm import REPOSITORY_FILE, key_path
from tasks.nodes.managers.versionlock import LISTS
from tasks.nodes.packages import (
    HELD_QUESTION,
    KUBERNETES,
    OURS,
    PACKAGES_QUESTION,
    RUNNING_QUESTION,
    in_environment,
    installation,
    installed,
    pin,
)
from tasks.nodes.repository import Repository, upstream
from tasks.nodes.systems import APT

KUBEADM, KUBELET = "kubeadm", "kubelet"
OF_THE_KUBELET = tuple(name for name in KUBERNETES if name != KUBEADM)
RESTART_SECONDS = 120
QUESTIONS = {
    "lock": WAIT_FOR_LOCK.format(seconds=INSTALL_SECONDS),
    "system": systems.QUESTION,
    "codename": CODENAME_QUESTION,
    "packages": PACKAGES_QUESTION,
    "held": HELD_QUESTION,
    "running": RUNNING_QUESTION,
}
SECONDS = INSTALL_SECONDS + 30


def paths(intent: Intent) -> list[str]:
    """Files that the plan looks at."""
    keys = (key_path(repository) for repository in intent.packages.rpm_repositories if repository.gpgkey)
    return [APT_FILE, REPOSITORY_FILE, *LISTS.values(), *intent.packages.keyrings, *keys]


def plan(
    intent: Intent, names: tuple[str, ...], seen: Seen, given: Given, repository: Repository
) -> Iterator[LinuxChange | None]:
    """These packages of Kubernetes in the inventory's version; nothing where they have it.

    Args:
        intent: what is wanted.
        names: of KUBERNETES.
        seen: the answers to QUESTIONS and the files of paths().
        given: the keys of the repositories, and the proxy's password.
        repository: what they have.

    """
    system, version = systems.read(seen["system"]), intent.software.kubernetes
    manager, stands = manager_of(system), installed(seen["packages"])
    wanted = tuple(name for name in names if upstream(stands.get(name, "")) != version)
    if not wanted:
        return
    yield from (file(path, text, seen.files[path]) for path, text in given.keyrings.items())
    yield from manager.plan_repositories(intent, seen)
    pins = {name: pin(intent, name, repository) for name in wanted}
    change = installation(intent, manager, stands, wanted, pins, repository)
    environment = proxy.exports(proxy.values(intent, given), proxy.repositories(intent))
    yield change if system.family == APT else in_environment(change, environment)
    held = {name: pins.get(name) or stands[name] for name in OURS if name in stands or name in wanted}
    yield from manager.plan_hold(seen, held)


def restart(before: str, wanted: str, well: Execute) -> LinuxChange:
    """The kubelet of the new package takes the place of the one that runs.

    Args:
        before: the version that runs.
        wanted: the one that is to run.
        well: waits until it is well.

    """
    script = clearing_marker(KUBELET, "systemctl daemon-reload && systemctl restart kubelet")
    step = Execute(
        "restart kubelet", f"touch {marker_of(KUBELET)}; {script}", RESTART_SECONDS, explanation=unit_says(KUBELET)
    )
    return LinuxChange("unit kubelet restart", f"runs {before or 'nothing'}", f"runs {wanted}", steps=(step, well))
