"""The packages of a node: from the inventory's repositories, Kubernetes' own pinned and held. Pure."""

from collections.abc import Iterator, Mapping

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange, action, file

APT_FILE = "/etc/apt/sources.list.d/kubepeer.list"
TOOLS = ("chrony", "conntrack", "ipset", "ipvsadm", "containerd")
KUBERNETES = ("kubelet", "kubeadm", "kubectl")
INSTALL_SECONDS = 600
APT_LOG = "/run/kubepeer-apt.log"
LOCK_TRIES = 60  # every two seconds


def plan_packages(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """The packages of the inventory's repositories, Kubernetes' pinned to their version and held."""
    sources = file(APT_FILE, "".join(f"{line}\n" for line in intent.packages.repositories), seen.files[APT_FILE])
    yield sources
    stands = installed(seen["packages"])
    version = intent.packages.kubernetes_version
    wanted = [name for name in TOOLS if name not in stands]
    wanted += [f"{name}={version}" for name in KUBERNETES if stands.get(name) != version]
    if wanted:
        before = "".join(
            f"{name} {stands.get(name, '(not installed)')}\n" for name in (w.split("=")[0] for w in wanted)
        )
        after = "".join(f"{w.replace('=', ' ')}\n" for w in wanted)
        script = _install_script(wanted, only_ours=intent.packages.only_these_repositories)
        yield LinuxChange("packages", before, after, steps=(Execute("apt-get install", script, INSTALL_SECONDS),))
    unheld = [name for name in KUBERNETES if name not in seen["held"].lines]
    if unheld:
        yield action(
            "package hold",
            " ".join(KUBERNETES),
            f"apt-mark hold {' '.join(KUBERNETES)}",
            before=" ".join(seen["held"].lines) or None,
        )


def installed(answer: Answer) -> Mapping[str, str]:
    """Package -> version, of the packages that are installed."""
    rows = (line.split() for line in answer.lines)
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}  # noqa: PLR2004  the format that was asked for


def _install_script(wanted: list[str], *, only_ours: bool) -> str:
    # confold: our configuration files are placed before and after their packages, and stay
    only = f"-o Dir::Etc::SourceList={APT_FILE} -o Dir::Etc::SourceParts=-" if only_ours else ""
    # The machine's own daily update may hold a lock for a moment. DPkg::Lock::Timeout waits for that of an installation alone, so all
    # three are tried again while it is a lock that is in the way. What was said before a note on the lock file is the cause.
    return f"""{UNDER_LOCK}export DEBIAN_FRONTEND=noninteractive
patiently() {{
    n=0
    until "$@" >{APT_LOG} 2>&1; do
        n=$((n + 1))
        if [ $n -ge {LOCK_TRIES} ] || ! grep -q -E '(frontend|database|get) lock' {APT_LOG}; then
            grep -m1 -E '^(E:|Err|dpkg: error)' {APT_LOG} >&2 || tail -n 1 {APT_LOG} >&2
            exit 100
        fi
        sleep 2
    done
}}
apt="apt-get -q {only} -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef"
patiently dpkg --configure -a  # an installation that was cut off is ended first
patiently $apt update -o APT::Update::Error-Mode=any
patiently $apt install -y --no-install-recommends --allow-change-held-packages --allow-downgrades {" ".join(wanted)}
rm -f {APT_LOG}"""
