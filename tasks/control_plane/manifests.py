"""The static pods' manifests: what kubeadm would write now, asked of kubeadm itself, against what stands. Pure.

kubeadm writes into /etc/kubernetes/manifests and nowhere else. So it is run in a mount namespace of its own, in which another folder lies
over that one: nothing of the node is touched, and what it wrote is read and thrown away.
"""

import re
from collections.abc import Iterable, Mapping

from kubepeer.errors import CommandError
from kubepeer.intent import Intent
from tasks.control_plane.kubeadm import direct
from tasks.control_plane.record import MANIFESTS
from tasks.control_plane.settings import ETCD, PATCHES_FOLDER
from tasks.linux.state import LinuxChange, Write

RENDER_SECONDS = 60
MODE = "600"  # as kubeadm writes them
END = "## end"

# Standard input is "## NAME" and the file's lines, one after the other.
RENDER = """{direct}umask 077; d=$(mktemp -d /run/kubepeer-manifests.XXXXXX) || exit; trap 'rm -rf "$d"' EXIT
mkdir "$d/patches" "$d/made" || exit; f=/dev/null
while IFS= read -r line; do
    case $line in "## "*) f=$d/${{line#"## "}}; : >"$f";; *) printf '%s\\n' "$line" >>"$f";; esac
done
sed -i "s#^  directory: {patches}\\$#  directory: $d/patches#" "$d/init.yaml"
export d
unshare -m sh -c '
mount --make-rprivate / 2>/dev/null; mount --bind "$d/made" {manifests} || exit
kubeadm init phase control-plane all --config "$d/init.yaml"{etcd}' >"$d/log" 2>&1 </dev/null || {{
    code=$?; {{ sed -n '/^error/,$p' "$d/log" | grep -vE '^ *$|^To see the stack trace' || tail -n 2 "$d/log"; }} |
        head -n 6 | tr '\\n\\t' '  ' >&2; exit $code; }}
for f in "$d"/made/*.yaml; do echo "## made ${{f##*/}}"; cat "$f"; done
for f in "$d"/made/*.yaml; do
    f={manifests}/${{f##*/}}; [ ! -e "$f" ] || {{ echo "## stands ${{f##*/}}"; cat "$f"; }}
done
echo '{end}'"""
WITH_ETCD = """ &&
kubeadm init phase etcd local --config "$d/init.yaml\""""
# What a member of etcd began with: kubeadm join says it otherwise than kubeadm init, and etcd reads it only while it has no data.
BEGINNING = re.compile(r"^ *- --initial-cluster(?:-state)?=.*\n", re.MULTILINE)


def rendering(intent: Intent, configuration: str, patches: Mapping[str, str]) -> tuple[str, str]:
    """The script that asks kubeadm, and its standard input.

    Args:
        intent: whose cluster.
        configuration: as kubeadm init reads it.
        patches: name -> text.

    """
    etcd = WITH_ETCD if intent.kubeadm.stacked_etcd else ""
    script = RENDER.format(direct=direct(intent), patches=PATCHES_FOLDER, manifests=MANIFESTS, etcd=etcd, end=END)
    files = {"init.yaml": configuration} | {f"patches/{name}": text for name, text in patches.items()}
    return script, "".join(f"## {name}\n{text.rstrip()}\n" for name, text in files.items())


def answered(printed: str) -> tuple[dict[str, str], dict[str, str]]:
    """Static pod -> what kubeadm would write, and what stands.

    Raises:
        CommandError: the answer was cut off.

    """
    if not printed.endswith(f"{END}\n"):
        raise CommandError("what kubeadm would write was cut off", cure="run again")
    found: dict[str, dict[str, str]] = {"made": {}, "stands": {}}
    pieces = re.split(r"^## (made|stands) (\S+)\.yaml\n", printed.removesuffix(f"{END}\n"), flags=re.MULTILINE)
    for kind, name, text in zip(*(iter(pieces[1:]),) * 3, strict=True):
        found[kind][name] = text
    return found["made"], found["stands"]


def plan(names: Iterable[str], made: Mapping[str, str], stands: Mapping[str, str]) -> dict[str, LinuxChange]:
    """Static pod -> the change of its manifest, of those that are not as kubeadm would write them."""
    found = {}
    for name in names:
        path, before = f"{MANIFESTS}/{name}.yaml", stands.get(name)
        after = _as_it_began(made[name], before) if name == ETCD and before else made[name]
        if after != before:
            found[name] = LinuxChange(path, before, after, steps=(Write(path, after, MODE),))
    return found


def _as_it_began(made: str, stands: str) -> str:
    lines = "".join(BEGINNING.findall(stands))
    first = BEGINNING.search(made)
    if not lines or first is None:
        return made
    without = BEGINNING.sub("", made)
    return without[: first.start()] + lines + without[first.start() :]
