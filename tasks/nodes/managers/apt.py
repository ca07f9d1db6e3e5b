"""apt and dpkg: Debian's and Ubuntu's packages. Pure."""

import shlex
from collections.abc import Iterable, Iterator, Mapping

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import Execute, LinuxChange, action, file
from tasks.nodes.managers.manager import INSTALL_SECONDS, patiently
from tasks.nodes.repository import Repository

APT_FILE = "/etc/apt/sources.list.d/kubepeer.list"
# Debian's time daemons exclude each other; chrony takes the place of whichever there is. Nothing else is ever removed.
GIVES_WAY = ("ntp", "ntpsec", "openntpd", "systemd-timesyncd")
APT_LOG = "/run/kubepeer-apt.log"
LOCKED = "(frontend|database|get) lock"
APT_SECONDS = 90  # for all of an update, of which there may be two
# In a repository's line it stands for the node's own release: nodes of several releases share one inventory.
CODENAME = "{codename}"
CODENAME_QUESTION = ". /etc/os-release; echo ${VERSION_CODENAME:-}"

# The folder stands for the machine's own lists, downloads and keys. What apt.conf.d says of proxies and logins counts as it always does;
# what it wants to be run after an update would write to the machine, and is not run. Nothing is kept compiled, and the lists stay
# compressed: /run is memory.
APT_CONFIGURATION = """Dir::State::lists "@/lists";
Dir::Cache::archives "@/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::GzipIndexes "true";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
LOOK_UP = """(
t=$(mktemp -d /run/kubepeer-apt.XXXXXX) || exit 1
trap 'rm -rf -- "$t"' EXIT; trap 'exit 1' HUP INT PIPE TERM
mkdir -p "$t/lists/partial" "$t/archives/partial"
{keys}printf '%s' {configuration} | sed "s|@/|$t/|" >"$t/apt.conf"
printf '%s' {sources} | sed "s|@/|$t/|g; s|{codename}|$({release})|g" >"$t/sources.list"
update() {{
    timeout {seconds} apt-get -q -c "$t/apt.conf" "$@" update >"$t/log" 2>&1 && return
    [ $? -ne 124 ] || echo "E: no end after {seconds} s" >>"$t/log"
    {cause} "$t/log"
    exit 100
}}
list() {{ apt-cache -c "$t/apt.conf" "$@" madison {names} 2>/dev/null | tee "$t/found"; }}
update -o Dir::Etc::SourceList="$t/sources.list" -o Dir::Etc::SourceParts=-
list -o Dir::Etc::SourceList="$t/sources.list" -o Dir::Etc::SourceParts=-
{elsewhere})"""
# The machine's own sources: as their lists stand, or, where only they can have Kubernetes, with new ones.
ELSEWHERE = """if grep -q '^ *kubelet ' "$t/found"
then list -o Dir::State::lists=/var/lib/apt/lists
else update; list
fi
"""
# apt's and dpkg's first error is the cause; dpkg's is told on the line after it. Without one, what was tried last.
CAUSE = """first_error() {
    awk '/^(E:|dpkg: error)/ { said = $0; if (said ~ /:$/ && (getline more) > 0) said = said more; print said; found = 1; exit }
         END { exit !found }' "$1" || grep -m1 '^Err' "$1" || tail -n 1 "$1"
}
"""


class Apt:
    """apt-get, apt-cache and dpkg."""

    def keyrings(self, intent: Intent) -> Mapping[str, str]:
        """Those of the inventory: sources.list(5) names them itself."""
        return intent.packages.keyrings

    def plan_repositories(self, intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
        """A file of sources.list.d, with the node's own codename."""
        lines = "".join(f"{line}\n" for line in intent.packages.repositories)
        yield file(APT_FILE, lines.replace(CODENAME, seen["codename"].text.strip()), seen.files[APT_FILE])

    def question(self, intent: Intent, keyrings: Mapping[str, str], names: Iterable[str]) -> str:
        """By apt with lists and keys of its own, which end with the question."""
        sources = "".join(f"{line}\n" for line in intent.packages.repositories)
        keys = ""
        for path, text in keyrings.items():
            place = f"keyrings{path}"
            keys += (
                f'd="$t"/{shlex.quote(place)}; mkdir -p "$(dirname "$d")"; printf \'%s\' {shlex.quote(text)} >"$d"\n'
            )
            sources = sources.replace(path, f"@/{place}")
        return CAUSE + LOOK_UP.format(
            keys=keys,
            configuration=shlex.quote(APT_CONFIGURATION),
            sources=shlex.quote(sources),
            codename=CODENAME,
            release=CODENAME_QUESTION,
            seconds=APT_SECONDS,
            cause="first_error",
            names=" ".join(names),
            elsewhere="" if intent.packages.only_these_repositories else ELSEWHERE,
        )

    def answered(self, answer: Answer) -> Repository:
        """Lines of `apt-cache madison`, the newest first, or why there are none."""
        if answer.code:
            return Repository(trouble=" ".join(answer.text.split()).removeprefix("E: ") or "apt said nothing")
        versions: dict[str, list[str]] = {}
        for line in answer.lines:
            columns = [column.strip() for column in line.split("|")]
            if len(columns) == 3 and columns[1] not in versions.setdefault(columns[0], []):  # noqa: PLR2004  package | version | where
                versions[columns[0]].append(columns[1])
        return Repository({package: tuple(found) for package, found in versions.items()})

    def names(self, package: str) -> tuple[str, ...]:
        """What Kubepeer calls a package is what Debian does; Docker's containerd is used where it is there."""
        match package:
            case "containerd":
                return ("containerd", "containerd.io")
            case "tc" | "versionlock" | "container-selinux":
                return ()  # in iproute2; apt holds by itself; Debian's policy has no such package
        return (package,)

    def installation(
        self,
        wanted: Mapping[str, str | None],
        stands: Mapping[str, str],  # noqa: ARG002  older or newer is the same command
        *,
        only_ours: bool,
    ) -> Execute:
        """After an installation that was cut off is ended, with the lists fetched anew."""
        names = [f"{name}={version}" if version else name for name, version in wanted.items()]
        script = _install_script(names, only_ours=only_ours)
        return Execute("apt-get install", script, INSTALL_SECONDS, explanation=f"tail -n 1 {APT_LOG} 2>/dev/null")

    def plan_hold(self, seen: Seen, versions: Mapping[str, str]) -> Iterator[LinuxChange | None]:
        """apt-mark's hold: of the package, whatever its version."""
        if any(name not in seen["held"].lines for name in versions):
            names = " ".join(versions)
            yield action("package hold", names, f"apt-mark hold {names}", before=" ".join(seen["held"].lines) or None)


def _install_script(wanted: list[str], *, only_ours: bool) -> str:
    # confold: our configuration files are placed before and after their packages, and stay
    only = f"-o Dir::Etc::SourceList={APT_FILE} -o Dir::Etc::SourceParts=-" if only_ours else ""
    # DPkg::Lock::Timeout waits for the lock of an installation alone, so all three are tried again.
    return f"""{patiently(APT_LOG, CAUSE, LOCKED)}export DEBIAN_FRONTEND=noninteractive
apt="apt-get -q {only} -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef"
install="$apt install -y --no-install-recommends --allow-change-held-packages --allow-downgrades"
patiently dpkg --configure -a  # an installation that was cut off is ended first
patiently $apt update -o APT::Update::Error-Mode=any
patiently $install --simulate {" ".join(wanted)}
removed=$(sed -n 's/^Remv \\([^ ]*\\).*/\\1/p' {APT_LOG} | grep -v -x -E '{"|".join(GIVES_WAY)}' | tr '\\n' ' ')
[ -z "$removed" ] || {{ echo "apt would remove ${{removed% }}: nothing was installed" >&2; exit 100; }}
patiently $install {" ".join(wanted)}
rm -f {APT_LOG}"""
