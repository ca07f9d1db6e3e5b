"""dnf, and yum where there is no dnf: the packages of Red Hat's systems and those built of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from kubepeer.intent import Intent
from kubepeer.intent.rpm import RpmRepository
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import Execute, LinuxChange, file
from tasks.nodes.managers import rpm_scripts, versionlock
from tasks.nodes.managers.evr import order, without_zero
from tasks.nodes.managers.manager import INSTALL_SECONDS
from tasks.nodes.managers.rpm_scripts import IDS, RPM_LOG
from tasks.nodes.repository import Repository

REPOSITORY_FILE = "/etc/yum.repos.d/kubepeer.repo"
KEY_PLACE = "/etc/pki/rpm-gpg/RPM-GPG-KEY-kubepeer-"
IPTABLES_NFT, TC_APART = 9, 8  # the first release whose iptables is of that package, and whose tc is not in iproute
PLUGIN = {"dnf": "python3-dnf-plugin-versionlock", "yum": "yum-plugin-versionlock"}
# What Kubepeer calls a package, and what it is called here; the runtime is Docker's, since Red Hat has none of that name.
NAMES = {"conntrack": ("conntrack-tools",), "containerd": ("containerd.io", "containerd")}


class Rpm:
    """The manager of one node.

    Args:
        manager: dnf or yum.
        release: the number of the system's release; None where it does not say.

    """

    def __init__(self, manager: Literal["dnf", "yum"], release: int | None) -> None:
        self._manager: Literal["dnf", "yum"] = manager
        self._release = IPTABLES_NFT if release is None else release

    def keyrings(self, intent: Intent) -> Mapping[str, str]:
        """Those of the repositories that are signed."""
        return {
            key_path(repository): repository.gpgkey
            for repository in intent.packages.rpm_repositories
            if repository.gpgkey
        }

    def plan_repositories(self, intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
        """A file of yum.repos.d."""
        yield file(REPOSITORY_FILE, repository_file(intent), seen.files[REPOSITORY_FILE])

    def question(self, intent: Intent, keyrings: Mapping[str, str], names: Iterable[str]) -> str:
        """By a dnf with cache, state and logs of its own, which end with the question."""
        only = intent.packages.only_these_repositories
        return rpm_scripts.look_up(self._manager, repository_file(intent), keyrings, names, only_ours=only)

    def answered(self, answer: Answer) -> Repository:
        """Lines NAME EPOCH:VERSION-RELEASE in any order, or why there are none."""
        if answer.code:
            said = " ".join(answer.text.split()).removeprefix("Error: ")
            return Repository(trouble=said or f"{self._manager} said nothing")
        versions: dict[str, set[str]] = {}
        for line in answer.lines:
            columns = line.split()
            if len(columns) == 2:  # noqa: PLR2004  name and version
                versions.setdefault(columns[0], set()).add(without_zero(columns[1]))
        return Repository(
            {package: tuple(sorted(found, key=order, reverse=True)) for package, found in versions.items()}
        )

    def names(self, package: str) -> tuple[str, ...]:
        """What it is called on this release."""
        match package:
            case "iptables":
                both = ("iptables-nft", "iptables")
                return both if self._release >= IPTABLES_NFT else both[::-1]
            case "tc":
                return ("iproute-tc",) if self._release >= TC_APART else ()
            case "versionlock":
                return (PLUGIN[self._manager],)
        return NAMES.get(package, (package,))

    def installation(self, wanted: Mapping[str, str | None], stands: Mapping[str, str], *, only_ours: bool) -> Execute:
        """One transaction; of yum two, where a package stands in a newer version: it downgrades by another command."""
        older = {
            name
            for name, version in wanted.items()
            if self._manager == "yum" and version and name in stands and order(stands[name]) > order(version)
        }
        kinds = (("downgrade", older), ("install", wanted.keys() - older))
        commands = [
            (command, [self._spec(name, version) for name, version in wanted.items() if name in names])
            for command, names in kinds
            if names
        ]
        script = rpm_scripts.install(self._manager, commands, list(wanted), only_ours=only_ours)
        title = f"{self._manager} install"
        return Execute(title, script, INSTALL_SECONDS, explanation=f"tail -n 1 {RPM_LOG} 2>/dev/null")

    def _spec(self, name: str, version: str | None) -> str:
        epoch, colon, rest = (version or "").rpartition(":")
        if not version:
            return name
        return f"{epoch}{colon}{name}-{rest}" if self._manager == "yum" else f"{name}-{version}"

    def plan_hold(self, seen: Seen, versions: Mapping[str, str]) -> Iterator[LinuxChange | None]:
        """The list of versionlock, which the plugin reads at each command."""
        path = versionlock.LISTS[self._manager]
        stands = seen.files[path]
        known = {name: version for name, version in versions.items() if version}
        if known:
            yield file(path, versionlock.locked(self._manager, stands.content if stands else "", known), stands)


def key_path(repository: RpmRepository) -> str:
    """Where the key of a repository lies on a node."""
    return f"{KEY_PLACE}{repository.name}"


def repository_file(intent: Intent) -> str:
    """The repositories of the inventory, as yum.conf(5) wants them."""
    sections = []
    for repository in intent.packages.rpm_repositories:
        lines = [
            f"[{IDS}{repository.name}]",
            f"name={repository.name}",
            f"baseurl={repository.baseurl}",
            "enabled=1",
            f"gpgcheck={int(not repository.unsigned)}",
            f"repo_gpgcheck={int(repository.repo_gpgcheck)}",
            # the default of Red Hat's dnf.conf is another: what cannot be read is no repository without packages
            "skip_if_unavailable=0",
        ]
        lines += [f"gpgkey=file://{key_path(repository)}"] if repository.gpgkey else []
        sections.append("".join(f"{line}\n" for line in lines))
    return "\n".join(sections)
