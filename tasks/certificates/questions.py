"""What is asked of a node about its certificates, in one round trip: no key ever leaves it. Pure."""

import shlex

from kubepeer.intent import Intent, Node
from tasks.certificates.kinds import CA_KEYS, COMPONENTS, ETCD_CA_KEYS, OTHER_FILES, PKI
from tasks.control_plane import kubeconfigs
from tasks.control_plane.record import KUBELET_FILE

KUBELET_KEYS = ("rotateCertificates", "serverTLSBootstrap", "tlsCertFile")
# A file's certificates and nothing else of it. What is in a home may be anything: only a file is opened.
CERTIFICATES = """set --
for f in {pki}/*.crt {pki}/etcd/*.crt {files}; do [ ! -f "$f" ] || set -- "$@" "$f"; done
t=$(sed -n 's/^tlsCertFile: *"*\\([^"]*\\)"*$/\\1/p' {configuration} 2>/dev/null)
[ -z "$t" ] || [ ! -f "$t" ] || set -- "$@" "$t"
for u in {users}; do
    f=$(getent passwd "$u" | cut -d: -f6)/.kube/config; [ ! -f "$f" ] || {{ echo "@@ $f"; set -- "$@" "$f"; }}
done
[ $# -gt 0 ] || exit 0
stat -Lc '@ %Y %n' -- "$@"
awk 'FNR == 1 {{ print "## " FILENAME }}
/^-----BEGIN CERTIFICATE-----/, /^-----END CERTIFICATE-----/ {{ if (/^[-A-Za-z0-9+\\/= ]+$/) print; next }}
/^ *client-certificate(-data)?:/ {{ print $1, $2 }}' "$@\""""
# The processes of the machine's own network that have this argument: a control plane within a pod (Kamaji, vcluster) may have the same.
# And not the grep that looks for them.
PIDS = """pids() { here=$(readlink /proc/self/ns/net); for f in $(grep -lszxFe "$1" /proc/[0-9]*/cmdline); do
    p=${f%/cmdline}; p=${p#/proc/}
    [ "$(readlink "/proc/$p/ns/net")" != "$here" ] || [ "$(cat "/proc/$p/comm" 2>/dev/null)" = grep ] || echo "$p"
done; }
"""
# proc(5): the 22nd field of stat is the start after boot, in ticks; btime of /proc/stat the boot in seconds since the epoch. The name in
# parentheses may hold anything.
PROCESSES = (
    PIDS
    + """echo "clock $(getconf CLK_TCK) $(sed -n 's/^btime //p' /proc/stat)"
began() { for p in $(pids "$2"); do s=$(cat "/proc/$p/stat" 2>/dev/null) && set -- "$1" "$2" ${s##*) } && echo "$1 ${22}"; done; }
"""
    + "\n".join(f"began {one.name} {shlex.quote(one.argument)}" for one in COMPONENTS)
)
SECONDS = 30


def questions(intent: Intent, node: Node) -> dict[str, str]:
    """All of it, as one round trip; read-only. On a worker nobody's kubeconfig is ours."""
    users = " ".join(map(shlex.quote, kubeconfigs.users(intent) if node.role == "control_plane" else ()))
    keys = " ".join({**CA_KEYS, **ETCD_CA_KEYS}.values())
    files, kubelet = " ".join(OTHER_FILES), "|".join(KUBELET_KEYS)
    return {
        "certificates": CERTIFICATES.format(pki=PKI, files=files, configuration=KUBELET_FILE, users=users),
        "processes": PROCESSES,
        "ca keys": f"ls -d {keys} 2>/dev/null; true",
        "kubelet": f"grep -E '^({kubelet}):' {KUBELET_FILE} 2>/dev/null; true",
    }
