"""containerd, runc, the CNI plugins and crictl from their projects' archives rather than from packages. Pure.

The node fetches an archive, through the proxies of the inventory, and takes it when its SHA-256 is the inventory's; each program takes
its place by a rename. What was taken is noted, so that another checksum, or a program that has gone, is a difference. The places are
those of containerd's own documentation (docs/getting-started.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kubepeer.intent import Intent
from kubepeer.intent.runtime import Archive
from tasks.linux.observe import Seen
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange, file, marker_of
from tasks.linux.templates import render
from tasks.nodes.given import Given
from tasks.nodes.proxy import exports, values

NOTES = "/var/lib/kubepeer/archives"
UNIT_FILE = "/etc/systemd/system/containerd.service"
SECONDS = 600


@dataclass(frozen=True)
class Place:
    """Where a project's programs go.

    Attributes:
        folder: on the node.
        inside: the folder in the archive; None where it is the program itself and no archive.
        program: which must be there.

    """

    folder: str
    inside: str | None
    program: str


PLACES = {
    "containerd": Place("/usr/local/bin", "bin", "containerd"),
    "runc": Place("/usr/local/sbin", None, "runc"),
    "cni_plugins": Place("/opt/cni/bin", ".", "loopback"),
    "crictl": Place("/usr/local/bin", ".", "crictl"),
}
# Nothing is run and nothing is replaced before the checksum is right; a running program's file can be renamed away under it.
SCRIPT = """{lock}{proxies}set -e; umask 022
t=$(mktemp -d /var/tmp/kubepeer-archive.XXXXXX); trap 'rm -rf -- "$t"' EXIT
curl -fsSL --retry 3 --connect-timeout 20 -o "$t/archive" '{url}' 2>"$t/said" || {{ echo "{url}: $(tail -n 1 "$t/said")" >&2; exit 1; }}
sum=$(sha256sum "$t/archive"); sum=${{sum%% *}}
[ "$sum" = {sha256} ] || {{ echo "{url}: its SHA-256 is $sum, not the inventory's" >&2; exit 1; }}
mkdir -p "$t/files" {folder} {notes}
{unpack}
cd "$t/{inside}"
for f in *; do
    [ -f "$f" ] && [ ! -h "$f" ] || continue
    case $f in LICENSE*|README*) continue;; esac
    install -m 755 "$f" "{folder}/.kubepeer.$f"; mv -fT "{folder}/.kubepeer.$f" "{folder}/$f"
done
[ -x {folder}/{program} ] || {{ echo "{url} holds no {program}" >&2; exit 1; }}
{marked}echo {sha256} >{notes}/{name}"""


def wanted(intent: Intent) -> dict[str, Archive]:
    """Name -> archive, of those that the inventory names."""
    given = {name: getattr(intent.software.runtime_archives, name) for name in PLACES}
    return {name: archive for name, archive in given.items() if archive}


def question(intent: Intent) -> str:
    """NAME CHECKSUM of what was taken and is still there; no program is started."""
    return "; ".join([*(taken(name, PLACES[name]) for name in wanted(intent)), "true"])


def taken(name: str, place: Place) -> str:
    """A command that prints NAME CHECKSUM where the program is there and was taken from its archive."""
    missing = f"[ ! -x {place.folder}/{place.program} ] || [ ! -e {NOTES}/{name} ]"
    return f'{missing} || {{ read -r s <{NOTES}/{name}; echo "{name} $s"; }}'


def paths(intent: Intent) -> list[str]:
    """The unit, where it is ours."""
    return [UNIT_FILE] if intent.software.runtime_archives.containerd else []


def plan(intent: Intent, seen: Seen, given: Given) -> Iterator[LinuxChange | None]:
    """Each archive that is not there in the inventory's version, and containerd's unit."""
    stands = dict(line.split(" ", 1) for line in seen["archives"].lines)
    for name, archive in wanted(intent).items():
        if stands.get(name) == archive.sha256:
            continue
        yield fetched(name, archive, PLACES[name], intent, given, stands.get(name))
    if intent.software.runtime_archives.containerd:
        yield file(
            UNIT_FILE,
            render("nodes/containerd.service.j2"),
            seen.files[UNIT_FILE],
            restart_marker=marker_of("containerd"),
        )


def fetched(name: str, archive: Archive, place: Place, intent: Intent, given: Given, stands: str | None) -> LinuxChange:
    """The change that brings a program.

    Args:
        name: the program's.
        archive: where it comes from.
        place: where it goes.
        intent: for the proxies.
        given: for their login.
        stands: the checksum of what is there; None for nothing.

    """
    step = Execute(f"{name} from {archive.url}", _script(intent, name, archive, place, given), SECONDS)
    before = f"sha256 {stands}" if stands else None
    return LinuxChange(f"{name} from its archive", before, f"{archive.version}, sha256 {archive.sha256}", steps=(step,))


def _script(intent: Intent, name: str, archive: Archive, place: Place, given: Given) -> str:
    unpack = 'tar -xzf "$t/archive" -C "$t/files" --no-same-owner'
    if place.inside is None:
        unpack = f'mv "$t/archive" "$t/files/{place.program}"'
    return SCRIPT.format(
        lock=UNDER_LOCK,
        proxies=exports(values(intent, given), (archive.url,)),
        url=archive.url,
        sha256=archive.sha256,
        folder=place.folder,
        notes=NOTES,
        unpack=unpack,
        inside=f"files/{place.inside or '.'}",
        program=place.program,
        name=name,
        marked=f"touch -- {marker_of('containerd')}\n" if name == "containerd" else "",
    )
