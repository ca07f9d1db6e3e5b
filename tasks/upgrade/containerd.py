"""The container runtime in another version, on a node that is drained: its package or its archive, its configuration, its restart. Pure.

containerd's shims hold the containers: those that stay on a drained node live through the restart. Its configuration is written in the
newest form that the new version reads (containerd, RELEASES.md).
"""

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import PENDING_RESTARTS, WAIT_FOR_LOCK, Execute, LinuxChange, marker_of, present
from tasks.nodes import proxy, runtime, systems, units
from tasks.nodes.given import Given
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.nodes.packages import PACKAGES_QUESTION, RUNTIMES, in_environment, installed
from tasks.nodes.repository import Repository
from tasks.nodes.systems import APT
from tasks.upgrade.seen import NodeVersions

UNIT = "containerd"
SECONDS = INSTALL_SECONDS + 30


def questions(intent: Intent) -> dict[str, str]:
    """Read-only commands whose answers the plan needs."""
    return {
        "lock": WAIT_FOR_LOCK.format(seconds=INSTALL_SECONDS),
        "system": systems.QUESTION,
        "packages": PACKAGES_QUESTION,
        "restarts": PENDING_RESTARTS,
        "units": units.question((UNIT,)),
        **runtime.questions(intent),
    }


def offered(found: NodeVersions, repository: Repository | None) -> str:
    """The newest version of the package that a node has its runtime from; "" where it has none of a package, or the newest."""
    package, stands = found.runtime
    newest = next(iter(repository.versions.get(package, ())), "") if repository and package else ""
    return "" if newest == stands else newest


def is_behind(intent: Intent, found: NodeVersions, said: str, repository: Repository | None) -> bool:
    """Whether there is another version for a node: of the inventory's archive, or of its package.

    Args:
        intent: for the archive.
        found: what the node has.
        said: the version of its runtime, wherever it came from.
        repository: what the repositories have.

    """
    archive = intent.software.runtime_archives.containerd
    return said != archive.version if archive else bool(offered(found, repository))


def plan(intent: Intent, seen: Seen, given: Given, repository: Repository) -> tuple[LinuxChange, ...]:
    """All that brings the other version, in its order; the restart is marked as pending before anything else is done.

    Args:
        intent: what is wanted.
        seen: the answers to questions() and the files of runtime.paths().
        given: certificates and logins of mirrors and proxies.
        repository: what the repositories have.

    """
    state = units.states(seen, (UNIT,))[UNIT]
    stands = installed(seen["packages"])
    package = next((name for name in RUNTIMES if name in stands), "")
    newest = next(iter(repository.versions.get(package, ())), "") if package else ""
    if intent.software.runtime_archives.containerd or newest in ("", stands.get(package)):
        return present(*runtime.plan(intent, seen, given, repository, state))
    system = systems.read(seen["system"])
    step = manager_of(system).installation({package: newest}, stands, only_ours=intent.packages.only_these_repositories)
    mark = Execute("note that containerd is to be restarted", f"touch {marker_of(UNIT)}")
    change = LinuxChange("packages", f"{package} {stands[package]}\n", f"{package} {newest}\n", steps=(mark, step))
    if system.family != APT:
        change = in_environment(change, proxy.exports(proxy.values(intent, given), proxy.repositories(intent)))
    later = _as_it_will_be(seen, package, newest)
    return present(change, *runtime.plan(intent, later, given, repository, state))


def _as_it_will_be(seen: Seen, package: str, version: str) -> Seen:
    """The answers when the package is there: its configuration is of the version that will run, and its restart is pending."""
    lines = [line for line in seen["packages"].lines if line.split()[:1] != [package]]
    packages = "".join(f"{line}\n" for line in (*lines, f"{package} {version} installed"))
    restarts = f"{seen['restarts'].text}\n{UNIT}\n"
    answers = {**seen.answers, "packages": Answer(0, packages), "restarts": Answer(0, restarts)}
    return Seen(answers, seen.files)
