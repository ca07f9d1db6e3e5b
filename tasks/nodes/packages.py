"""The packages of a node: from the inventory's repositories, Kubernetes' own pinned and held. Pure."""

from collections.abc import Iterator, Mapping

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange, action, file

APT_FILE = "/etc/apt/sources.list.d/kubepeer.list"
TOOLS = ("chrony", "conntrack", "ipset", "ipvsadm", "containerd")
KUBERNETES = ("kubelet", "kubeadm", "kubectl")
INSTALL_SECONDS = 600


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
    # the lock may be held for a moment by the machine's own daily update
    return f"""{UNDER_LOCK}set -e; export DEBIAN_FRONTEND=noninteractive
dpkg --configure -a >/dev/null  # an installation that was cut off is ended first
apt="apt-get -q {only} -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef"
$apt update -o APT::Update::Error-Mode=any >/tmp/kubepeer-apt.log 2>&1 || {{ grep -m1 -E '^(E|Err)' /tmp/kubepeer-apt.log >&2; exit 100; }}
$apt install -y --no-install-recommends --allow-change-held-packages --allow-downgrades {" ".join(wanted)} >/tmp/kubepeer-apt.log 2>&1 \\
  || {{ grep -m1 '^E:' /tmp/kubepeer-apt.log >&2; exit 100; }}
rm -f /tmp/kubepeer-apt.log"""
