"""What the inventory's package repositories have, asked on the node itself without leaving anything there. Pure."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kubepeer.intent import Intent
from tasks.linux.observe import Answer

APT_SECONDS = 90  # for all of an update, of which there may be two
LOOK_UP_SECONDS = 2 * APT_SECONDS + 30
SHOWN = 3  # versions that a refusal names
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


@dataclass(frozen=True)
class Repository:
    """What the repositories answered.

    Attributes:
        versions: package -> its versions, the newest first, as apt lists them.
        trouble: why they could not be read; "" when they were.

    """

    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str = ""

    def newest(self, package: str, version: str) -> str | None:
        """The newest revision of a version: 1.26.0-2.1 of 1.26.0."""
        return next((found for found in self.versions.get(package, ()) if upstream(found) == version), None)

    def newest_of_minor(self, package: str, version: str) -> str | None:
        """The newest of the same minor version as this one, or else the newest of all."""
        every = self.versions.get(package, ())
        return next((found for found in every if minor_of(found) == minor_of(version)), every[0] if every else None)

    def examples(self, package: str, version: str) -> tuple[str, ...]:
        """A few versions that there are: the newest of the same minor version, or else the newest of all."""
        every = tuple(dict.fromkeys(upstream(found) for found in self.versions.get(package, ())))
        return (tuple(found for found in every if minor_of(found) == minor_of(version)) or every)[:SHOWN]


def upstream(version: str) -> str:
    """The version of the program that is packaged: 1.26.0 of 1.26.0-2.1 (deb-version(7): epoch:upstream-revision)."""
    without_epoch = version.split(":", 1)[-1]
    return without_epoch.rpartition("-")[0] or without_epoch


def minor_of(version: str) -> tuple[int, int] | None:
    """Major and minor: (1, 6) of 1.6.20~ds1-1+deb12u3; None where there are none."""
    found = re.match(r"(?:\d+:)?v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def question(intent: Intent, keyrings: Mapping[str, str], names: Iterable[str]) -> str:
    """A command that lists what the repositories have of these packages; it reads the network, and leaves nothing behind.

    Args:
        intent: for the repositories. The machine's own sources are looked at where the inventory lets apt use them.
        keyrings: path on the node -> text of the keys that the repositories are signed with; they need not be there yet.
        names: of the packages.

    """
    sources = "".join(f"{line}\n" for line in intent.packages.repositories)
    keys = ""
    for path, text in keyrings.items():
        place = f"keyrings{path}"
        keys += f'd="$t"/{shlex.quote(place)}; mkdir -p "$(dirname "$d")"; printf \'%s\' {shlex.quote(text)} >"$d"\n'
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


def answered(answer: Answer) -> Repository:
    """Read the answer to question(): lines of `apt-cache madison`, or why there are none."""
    if answer.code:
        return Repository(trouble=" ".join(answer.text.split()).removeprefix("E: ") or "apt said nothing")
    versions: dict[str, list[str]] = {}
    for line in answer.lines:
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 3 and columns[1] not in versions.setdefault(columns[0], []):  # noqa: PLR2004  package | version | where
            versions[columns[0]].append(columns[1])
    return Repository({package: tuple(found) for package, found in versions.items()})
