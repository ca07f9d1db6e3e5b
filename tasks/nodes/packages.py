"""The packages of a node: from the inventory's repositories, Kubernetes' own pinned to what a repository has, and held. Pure."""

from collections.abc import Iterator, Mapping

from kubepeer import versions
from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange, action, file, impossible
from tasks.nodes.repository import CAUSE, CODENAME, Repository, upstream

APT_FILE = "/etc/apt/sources.list.d/kubepeer.list"
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
KUBERNETES = ("kubelet", "kubeadm", "kubectl")
CRI_TOOLS = "cri-tools"  # crictl; in the versions of its own project, and from 1.32 on nothing asks for it
RUNTIMES = ("containerd", "containerd.io")  # the distribution's and Docker's: each conflicts with the other
OURS = (*KUBERNETES, CRI_TOOLS)
PROGRAMS = {
    "crictl": CRI_TOOLS,
    "containerd": "containerd",
}  # who has the program from elsewhere needs no package of it
PROXY_TOOLS = {"ipvs": ("iptables", "ipset", "ipvsadm"), "iptables": ("iptables",), "nftables": ("nftables",)}
TIME_DAEMONS = {"chrony": "chrony", "ntp": "ntpsec"}  # time.daemon -> package
EVERY_TOOL = (
    *TIME_DAEMONS.values(),
    "conntrack",
    *sorted({name for names in PROXY_TOOLS.values() for name in names}),
)
# Debian's time daemons exclude each other; the inventory's takes the place of whichever there is. Nothing else is ever removed.
GIVES_WAY = ("chrony", "ntp", "ntpsec", "openntpd", "systemd-timesyncd")
INSTALL_SECONDS = 600
APT_LOG = "/run/kubepeer-apt.log"
LOCK_TRIES = 60  # every two seconds

PACKAGES_QUESTION = (
    "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' "
    f"{' '.join((*EVERY_TOOL, *RUNTIMES, *OURS))} 2>/dev/null; true"
)
PROGRAMS_QUESTION = f"for p in {' '.join(PROGRAMS)}; do ! command -v $p >/dev/null || echo $p; done"
MEMBER_QUESTION = f"ls {KUBELET_CONF} 2>/dev/null; true"
# A kubelet whose file was replaced under it is still the old one, and so is one that no package brought.
RUNNING_QUESTION = """p=$(systemctl show -p MainPID --value kubelet 2>/dev/null); e=/proc/${p:-0}/exe
case "$(readlink "$e")" in
*'(deleted)') "$e" --version;;
*) dpkg-query -W kubelet >/dev/null 2>&1 || ! command -v kubelet >/dev/null || kubelet --version;;
esac 2>/dev/null | sed -n 's/^Kubernetes v//p'"""


def tools_for(intent: Intent) -> tuple[str, ...]:
    """What the cluster needs of a node beside Kubernetes' own packages, which only recommend it, or do not speak of it."""
    conntrack = versions.has("kubeadm", intent.software.kubernetes, "wants conntrack")
    return (
        TIME_DAEMONS[intent.time.daemon],
        *(("conntrack",) if conntrack else ()),
        *PROXY_TOOLS[intent.software.proxy_mode],
    )


def lacking(intent: Intent, stands: Mapping[str, str], programs: list[str]) -> tuple[str, ...]:
    """The packages that are to be installed, Kubernetes' own also where they stand in another version.

    Args:
        intent: what is wanted.
        stands: package -> version, of those that are installed.
        programs: those of PROGRAMS that are there, wherever they came from.

    """
    archives = intent.software.runtime_archives
    runtime = () if archives.containerd or any(name in stands for name in RUNTIMES) else ("containerd",)
    elsewhere = {PROGRAMS[program] for program in programs} | ({CRI_TOOLS} if archives.crictl else set())
    wanted = [
        name for name in (*tools_for(intent), *runtime, CRI_TOOLS) if name not in stands and name not in elsewhere
    ]
    other = [name for name in KUBERNETES if upstream(stands.get(name, "")) != intent.software.kubernetes]
    return (*wanted, *other)


def version_that_runs(stands: Mapping[str, str], running: Answer) -> str:
    """The version of Kubernetes that a node has: of the kubelet that runs, or else of the one that is installed; "" for none."""
    return running.text.strip() or upstream(stands.get("kubelet", ""))


def plan_packages(intent: Intent, seen: Seen, repository: Repository) -> Iterator[LinuxChange | None]:
    """The packages of the inventory's repositories, Kubernetes' pinned to their version and held.

    Args:
        intent: what is wanted.
        seen: the answers to plan.questions().
        repository: what the repositories have of OURS, where any of them is lacking.

    """
    lines = "".join(f"{line}\n" for line in intent.packages.repositories)
    yield file(APT_FILE, lines.replace(CODENAME, seen["codename"].text.strip()), seen.files[APT_FILE])
    stands, programs = installed(seen["packages"]), seen["programs"].lines
    version, runs = intent.software.kubernetes, version_that_runs(stands, seen["running"])
    wanted = lacking(intent, stands, programs)
    if seen["member"].lines and runs and runs != version:
        yield impossible("Kubernetes", runs, version, "deploy.py does not upgrade a node that is a member of a cluster")
        wanted = tuple(name for name in wanted if name not in KUBERNETES)
    if wanted:
        yield _installation(intent, stands, wanted, repository)
    to_hold = [name for name in OURS if name in stands or name in wanted]
    if any(name not in seen["held"].lines for name in to_hold):
        yield action(
            "package hold",
            " ".join(to_hold),
            f"apt-mark hold {' '.join(to_hold)}",
            before=" ".join(seen["held"].lines) or None,
        )


def _installation(
    intent: Intent, stands: Mapping[str, str], wanted: tuple[str, ...], repository: Repository
) -> LinuxChange:
    before = "".join(f"{name} {stands.get(name, '(not installed)')}\n" for name in wanted)
    pins = {name: pin(intent, name, repository) for name in wanted if name in OURS}
    unknown = [name for name in KUBERNETES if name in wanted and not pins[name]]
    if unknown:
        after = "".join(
            f"{name} {intent.software.kubernetes if name in KUBERNETES else ''}".strip() + "\n" for name in wanted
        )
        why = repository.trouble or f"the repositories have no {', '.join(unknown)} {intent.software.kubernetes}"
        return impossible("packages", before, f"{after}(revision not known: {why})\n", why)
    after = "".join(f"{name} {pins.get(name) or ''}".strip() + "\n" for name in wanted)
    names = [f"{name}={pins[name]}" if pins.get(name) else name for name in wanted]
    script = _install_script(names, only_ours=intent.packages.only_these_repositories)
    step = Execute("apt-get install", script, INSTALL_SECONDS, explanation=f"tail -n 1 {APT_LOG} 2>/dev/null")
    return LinuxChange("packages", before, after, steps=(step,))


def pin(intent: Intent, name: str, repository: Repository) -> str | None:
    """The version of a package of OURS that is asked for; None where the repositories have none that fits."""
    version = intent.software.kubernetes
    return repository.newest_of_minor(name, version) if name == CRI_TOOLS else repository.newest(name, version)


def installed(answer: Answer) -> Mapping[str, str]:
    """Package -> version, of the packages that are installed."""
    rows = (line.split() for line in answer.lines)
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}  # noqa: PLR2004  the format that was asked for


def _install_script(wanted: list[str], *, only_ours: bool) -> str:
    # confold: our configuration files are placed before and after their packages, and stay
    only = f"-o Dir::Etc::SourceList={APT_FILE} -o Dir::Etc::SourceParts=-" if only_ours else ""
    # The machine's own daily update may hold a lock for a moment. DPkg::Lock::Timeout waits for that of an installation alone, so all
    # three are tried again while it is a lock that is in the way.
    return f"""{UNDER_LOCK}export DEBIAN_FRONTEND=noninteractive
{CAUSE}patiently() {{
    n=0
    until "$@" >{APT_LOG} 2>&1; do
        n=$((n + 1))
        locked=$(grep -m1 -E '(frontend|database|get) lock' {APT_LOG})
        [ -n "$locked" ] || {{ first_error {APT_LOG} >&2; exit 100; }}
        if [ $n -ge {LOCK_TRIES} ]; then
            holder=$(echo "$locked" | sed -n 's/.*with pid \\([0-9]*\\).*/\\1/p')
            [ -z "$holder" ] || locked="$locked ($(cat /proc/$holder/comm 2>/dev/null || echo 'it has ended'))"
            echo "$locked, for {2 * LOCK_TRIES} s" >&2
            exit 100
        fi
        sleep 2
    done
}}
apt="apt-get -q {only} -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef"
install="$apt install -y --no-install-recommends --allow-change-held-packages --allow-downgrades"
patiently dpkg --configure -a  # an installation that was cut off is ended first
patiently $apt update -o APT::Update::Error-Mode=any
patiently $install --simulate {" ".join(wanted)}
removed=$(sed -n 's/^Remv \\([^ ]*\\).*/\\1/p' {APT_LOG} | grep -v -x -E '{"|".join(GIVES_WAY)}' | tr '\\n' ' ')
[ -z "$removed" ] || {{ echo "apt would remove ${{removed% }}: nothing was installed" >&2; exit 100; }}
patiently $install {" ".join(wanted)}
rm -f {APT_LOG}"""
