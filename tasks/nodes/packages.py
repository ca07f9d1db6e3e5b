"""The packages of a node: from the inventory's repositories, Kubernetes' own pinned to what a repository has, and held. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from kubepeer import versions
from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import Execute, LinuxChange, impossible
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.managers.evr import without_zero
from tasks.nodes.managers.manager import PackageManager
from tasks.nodes.repository import Repository, upstream
from tasks.nodes.systems import APT, RPM, System, by_family, read

KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
KUBERNETES = ("kubelet", "kubeadm", "kubectl")
CRI_TOOLS = "cri-tools"  # crictl; in the versions of its own project, and from 1.32 on nothing asks for it
RUNTIME = "containerd"
RUNTIMES = ("containerd", "containerd.io")  # the distribution's and Docker's: each conflicts with the other
OURS = (*KUBERNETES, CRI_TOOLS)
PROGRAMS = {
    "crictl": CRI_TOOLS,
    "containerd": RUNTIME,
}  # who has the program from elsewhere needs no package of it
PROXY_TOOLS = {"ipvs": ("iptables", "ipset", "ipvsadm"), "iptables": ("iptables",), "nftables": ("nftables",)}
TIME_DAEMONS = {"chrony": "chrony", "ntp": "ntpsec"}  # time.daemon -> package
EVERY_TOOL = (
    *TIME_DAEMONS.values(),
    "conntrack",
    *sorted({name for names in PROXY_TOOLS.values() for name in names}),
)
RPM_TOOLS = ("tc", "versionlock", "container-selinux")  # what Debian's systems have without a package of its own
# The plugins of dnf and of yum that keep packages at their versions; whoever has one needs no package of it, either.
VERSIONLOCK_PLUGINS = "/usr/lib*/python3*/*-packages/dnf-plugins/versionlock.py /usr/lib/yum-plugins/versionlock.py"

_DEBIAN_NAMES = (*EVERY_TOOL, *RUNTIMES, *OURS)
_RPM_NAMES = tuple(
    dict.fromkeys(
        name
        for release in (7, 8, 9)
        for package in (*EVERY_TOOL, RUNTIME, *RPM_TOOLS, *OURS)
        for name in manager_of(System("rhel", version=str(release))).names(package)
    )
)
PACKAGES_QUESTION = by_family(
    apt=f"dpkg-query -W -f '${{Package}} ${{Version}} ${{db:Status-Status}}\\n' {' '.join(_DEBIAN_NAMES)} 2>/dev/null; true",
    rpm=f"rpm -q --qf '%{{NAME}} %|EPOCH?{{%{{EPOCH}}:}}|%{{VERSION}}-%{{RELEASE}} installed\\n' {' '.join(_RPM_NAMES)} 2>/dev/null; true",
)
PROGRAMS_QUESTION = (
    f"for p in {' '.join(PROGRAMS)}; do ! command -v $p >/dev/null || echo $p; done\n"
    f'for f in {VERSIONLOCK_PLUGINS}; do [ ! -e "$f" ] || {{ echo versionlock; break; }}; done\n'
    "[ -e /sys/fs/selinux/enforce ] || echo container-selinux"  # a policy is for a machine that asks it
)
MEMBER_QUESTION = f"ls {KUBELET_CONF} 2>/dev/null; true"
# A kubelet whose file was replaced under it is still the old one, and so is one that no package brought.
RUNNING_QUESTION = """p=$(systemctl show -p MainPID --value kubelet 2>/dev/null); e=/proc/${p:-0}/exe
case "$(readlink "$e")" in
*'(deleted)') "$e" --version;;
*) ! command -v kubelet || dpkg-query -W kubelet || rpm -q kubelet || kubelet --version;;
esac 2>/dev/null | sed -n 's/^Kubernetes v//p'"""
# A package says its version itself, at a tenth of the cost.
CONTAINERD_QUESTION = (
    f"dpkg-query -W -f '${{db:Status-Status}}\\n' {' '.join(RUNTIMES)} 2>/dev/null | grep -qx installed || "
    f"! command -v containerd >/dev/null || rpm -q {RUNTIMES[1]} >/dev/null 2>&1 || rpm -q {RUNTIMES[0]} >/dev/null 2>&1 || "
    "containerd --version 2>/dev/null; true"
)
# Not apt-mark: it writes apt's cache, and a look must not. What rpm's systems hold is in a file.
HELD_QUESTION = by_family(apt="dpkg-query -W -f '${Package} ${db:Status-Want}\\n' | sed -n 's/ hold$//p'", rpm="true")


def tools_for(intent: Intent) -> tuple[str, ...]:
    """What the cluster needs of a node beside Kubernetes' own packages, which only recommend it, or do not speak of it."""
    conntrack = versions.has("kubeadm", intent.software.kubernetes, "wants conntrack")
    return (
        TIME_DAEMONS[intent.time.daemon],
        *(("conntrack",) if conntrack else ()),
        *PROXY_TOOLS[intent.software.proxy_mode],
    )


def lacking(intent: Intent, system: System, stands: Mapping[str, str], programs: list[str]) -> tuple[str, ...]:
    """The packages that are to be installed, Kubernetes' own also where they stand in another version.

    Args:
        intent: what is wanted.
        system: the node's.
        stands: package -> version, of those that are installed.
        programs: the answer to PROGRAMS_QUESTION: what is there, wherever it came from, or of no use there.

    """
    manager, archives = manager_of(system), intent.software.runtime_archives
    elsewhere = {PROGRAMS.get(program, program) for program in programs}
    elsewhere |= ({RUNTIME} if archives.containerd else set()) | ({CRI_TOOLS} if archives.crictl else set())
    tools = (*tools_for(intent), *_tools_of_rpm(intent, system), RUNTIME, CRI_TOOLS)
    wanted = [
        package
        for package in tools
        if package not in elsewhere and (names := manager.names(package)) and not any(name in stands for name in names)
    ]
    other = [name for name in KUBERNETES if upstream(stands.get(name, "")) != intent.software.kubernetes]
    return (*wanted, *other)


def _tools_of_rpm(intent: Intent, system: System) -> tuple[str, ...]:
    """Kubeadm looks for tc; the policy is what lets containers be confined."""
    if system.family != RPM:
        return ()
    return ("tc", "versionlock", *(("container-selinux",) if intent.software.selinux == "enforcing" else ()))


def asked_for(system: System) -> tuple[str, ...]:
    """The packages that the repositories are asked for."""
    return (*OURS, *manager_of(system).names(RUNTIME))


def version_that_runs(stands: Mapping[str, str], running: Answer) -> str:
    """The version of Kubernetes that a node has: of the kubelet that runs, or else of the one that is installed; "" for none."""
    return running.text.strip() or upstream(stands.get("kubelet", ""))


def plan_packages(
    intent: Intent, seen: Seen, repository: Repository, environment: str = ""
) -> Iterator[LinuxChange | None]:
    """The packages of the inventory's repositories, Kubernetes' pinned to their version and held.

    Args:
        intent: what is wanted.
        seen: the answers to plan.questions().
        repository: what the repositories have of OURS, where any of them is lacking.
        environment: exports of the proxies, which dnf and yum read there; apt has a file of its own.

    """
    system = read(seen["system"])
    manager = manager_of(system)
    yield from manager.plan_repositories(intent, seen)
    stands, programs = installed(seen["packages"]), seen["programs"].lines
    version, runs = intent.software.kubernetes, version_that_runs(stands, seen["running"])
    wanted = lacking(intent, system, stands, programs)
    if seen["member"].lines and runs and runs != version:
        yield impossible(
            "Kubernetes",
            runs,
            version,
            "deploy.py does not upgrade a node that is a member of a cluster: python runbooks/upgrade.py does",
        )
        wanted = tuple(name for name in wanted if name not in KUBERNETES)
    pins = {name: pin(intent, name, repository) for name in wanted if name in OURS}
    if wanted:
        change = installation(intent, manager, stands, wanted, pins, repository)
        yield change if system.family == APT else in_environment(change, environment)
    to_hold = {name: pins.get(name) or stands.get(name, "") for name in OURS if name in stands or name in wanted}
    yield from manager.plan_hold(seen, to_hold)


def installation(
    intent: Intent,
    manager: PackageManager,
    stands: Mapping[str, str],
    wanted: tuple[str, ...],
    pins: Mapping[str, str | None],
    repository: Repository,
) -> LinuxChange:
    """The transaction that brings packages: those of Kubernetes in the inventory's version, the others in any.

    Args:
        intent: what is wanted.
        manager: the node's.
        stands: package -> version, of those that are installed.
        wanted: what is to be installed.
        pins: package -> its version; None where the repositories have none that fits.
        repository: what they have.

    """
    names = {package: choice(manager, package, repository) for package in wanted}
    before = "".join(f"{name} {stands.get(name, '(not installed)')}\n" for name in names.values())
    unknown = [name for name in KUBERNETES if name in wanted and not pins[name]]
    if unknown:
        after = "".join(
            f"{name} {intent.software.kubernetes if name in KUBERNETES else ''}".strip() + "\n"
            for name in names.values()
        )
        why = repository.trouble or f"the repositories have no {', '.join(unknown)} {intent.software.kubernetes}"
        return impossible("packages", before, f"{after}(revision not known: {why})\n", why)
    after = "".join(f"{name} {pins.get(name) or ''}".strip() + "\n" for name in names.values())
    step = manager.installation(
        {name: pins.get(name) for name in names.values()}, stands, only_ours=intent.packages.only_these_repositories
    )
    return LinuxChange("packages", before, after, steps=(step,))


def in_environment(change: LinuxChange, environment: str) -> LinuxChange:
    """The same with exports of the proxies, which dnf and yum read there."""
    steps = (
        replace(step, script=environment + step.script) if isinstance(step, Execute) else step for step in change.steps
    )
    return replace(change, steps=tuple(steps))


def choice(manager: PackageManager, package: str, repository: Repository) -> str:
    """Of what a package may be called, the first that the repositories have; the first of all where they have not been asked for it."""
    names = manager.names(package)
    return next((name for name in names if repository.versions.get(name)), names[0])


def offered_runtime(system: System, repository: Repository) -> str:
    """The version of the runtime that would be installed; "" where the repositories have none, or have not been asked."""
    versions_there = repository.versions.get(choice(manager_of(system), RUNTIME, repository), ())
    return upstream(versions_there[0]) if versions_there else ""


def pin(intent: Intent, name: str, repository: Repository) -> str | None:
    """The version of a package of OURS that is asked for; None where the repositories have none that fits."""
    version = intent.software.kubernetes
    return repository.newest_of_minor(name, version) if name == CRI_TOOLS else repository.newest(name, version)


def installed(answer: Answer) -> Mapping[str, str]:
    """Package -> version, of the packages that are installed."""
    return dict(_rows(answer))


def twice(answer: Answer) -> tuple[str, ...]:
    """The packages that are there in two versions: a transaction of rpm was cut off between the new one and the old one's end."""
    return tuple(name for name, count in Counter(name for name, _ in _rows(answer)).items() if count > 1)


def _rows(answer: Answer) -> list[tuple[str, str]]:
    rows = (line.split() for line in answer.lines)
    return [(row[0], without_zero(row[1])) for row in rows if len(row) == 3 and row[2] == "installed"]  # noqa: PLR2004  the format that was asked for
