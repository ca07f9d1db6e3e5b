"""What the static pods' manifests were made from, and how kubeadm wrote them: kept beside them, so that a look can tell a difference. Pure.

What a manifest would be is kubeadm's to say, and to ask it takes a tenth of a second and more. A line for each manifest (name, digest of
all that the inventory adds, SHA-256 of the file) tells without it: where the digest is another, the inventory has changed; where the
file's sum is another, somebody has changed the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubepeer.memory import Memory
from tasks.control_plane.settings import (
    ADMISSION_FILE,
    AUDIT_FILE,
    COMPONENTS,
    ENCRYPTION_FILE,
    ETCD_CA,
    ETCD_CERTIFICATE,
    ETCD_KEY,
    FOLDER,
    PATCHES_FOLDER,
)
from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import PENDING_RESTARTS, Execute

MANIFESTS = "/etc/kubernetes/manifests"
RECORD_FILE = f"{FOLDER}/record"
CERTIFICATE, CERTIFICATE_KEY = "/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/pki/apiserver.key"
KUBELET_FILE = "/var/lib/kubelet/config.yaml"
NAMES = "names"  # of the apiserver's certificate
NOTHING = "-"  # the digest of a manifest to which the inventory adds nothing
SUMS = f"cd {MANIFESTS} 2>/dev/null && sha256sum {' '.join(f'{name}.yaml' for name in COMPONENTS)} 2>/dev/null; true"

QUESTIONS = {
    "record": f"[ ! -e {RECORD_FILE} ] || cat {RECORD_FILE}",
    "sums": SUMS,
    # each as a line with its name, its text, and a line of its own for the end
    "patches": f'for f in {PATCHES_FOLDER}/*; do [ ! -e "$f" ] || {{ echo "## ${{f##*/}}"; cat "$f"; }}; done',
    "settings restarts": PENDING_RESTARTS,
}
FILES = (
    KUBELET_FILE,
    CERTIFICATE,
    *(AUDIT_FILE, ADMISSION_FILE, ENCRYPTION_FILE),
    *(ETCD_CA, ETCD_CERTIFICATE, ETCD_KEY),
)


@dataclass(frozen=True)
class Recorded:
    """What a manifest was made from."""

    made_from: str
    sha256: str


@dataclass(frozen=True)
class SettingsSeen:
    """What stands on a node of all that the inventory adds.

    Attributes:
        record: static pod -> what its manifest was made from.
        sums: static pod -> SHA-256 of its manifest as it stands.
        patches: name -> text of kubeadm's patches.
        restarts: what is to be restarted yet.
        files: the files of FILES.

    """

    record: Mapping[str, Recorded] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    patches: Mapping[str, str] = field(default_factory=dict)
    restarts: frozenset[str] = frozenset()
    files: Mapping[str, FileSeen | None] = field(default_factory=dict)


SETTINGS = Memory[SettingsSeen]("what each node has of the settings")


def settings_seen(seen: Seen) -> SettingsSeen:
    """Read the answers to QUESTIONS and FILES."""
    lines = [line.split() for line in seen["record"].lines]
    sums = [line.split() for line in seen["sums"].lines]
    patches: dict[str, str] = {}
    name = ""
    for line in seen["patches"].text.splitlines():
        if line.startswith("## "):
            name = line[3:]
            patches[name] = ""
        elif name:
            patches[name] += f"{line}\n"
    return SettingsSeen(
        {line[0]: Recorded(line[1], line[2]) for line in lines if len(line) == 3},  # noqa: PLR2004  the form above
        {line[1].removesuffix(".yaml"): line[0] for line in sums if len(line) == 2},  # noqa: PLR2004  sha256sum's
        patches,
        frozenset(seen["settings restarts"].lines),
        {path: seen.files.get(path) for path in FILES},
    )


def differing(seen: SettingsSeen, made_from: Mapping[str, str]) -> list[str]:
    """The static pods whose manifests kubeadm must be asked for.

    Args:
        seen: what stands.
        made_from: static pod -> digest of what the inventory adds, "" for nothing.

    A manifest of which nothing is recorded, and to which nothing is added, is as kubeadm made it before this was kept, or as its owner has
    it since: it is left alone.
    """
    found = []
    for name, wanted in made_from.items():
        recorded = seen.record.get(name)
        if recorded is None:
            if wanted:
                found.append(name)
        elif (recorded.made_from, recorded.sha256) != (wanted or NOTHING, seen.sums.get(name)):
            found.append(name)
    return found


def recording(made_from: Mapping[str, str]) -> Execute:
    """Keep what the files that stand now were made from; those that are not named stay as they are recorded.

    Args:
        made_from: static pod, or NAMES for the apiserver's certificate -> digest of what the inventory adds, "" for nothing.

    """
    wanted = "".join(f"{name} {digest or NOTHING}\n" for name, digest in made_from.items())
    script = f"""set -e; umask 022; mkdir -p {FOLDER}; t=$(mktemp {FOLDER}/.record.XXXXXX); trap 'rm -f "$t"' EXIT
while read -r name digest; do
    case $name in {NAMES}) path={CERTIFICATE};; *) path={MANIFESTS}/$name.yaml;; esac
    [ ! -e "$path" ] || {{ sum=$(sha256sum "$path"); echo "$name $digest ${{sum%% *}}"; }}
done >"$t"
[ ! -e {RECORD_FILE} ] || while read -r name rest; do
    grep -q "^$name " "$t" || echo "$name $rest" >>"$t"
done <{RECORD_FILE}
chmod 644 "$t"; mv -f "$t" {RECORD_FILE}; trap - EXIT"""
    return Execute("record of the manifests", script, stdin=wanted)
