"""How a node's certificates are renewed, and its static pods made to read them: the changes and their scripts. Pure.

kubeadm renews files, and says itself that the control plane's pods must be restarted then (Kubernetes: "Certificate Management with
kubeadm"). Their processes are told to end, as the kubelet would do it, and the kubelet starts them anew. Their manifests stay where they
are: what is cut off in between leaves no node without its apiserver.
"""

import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from kubepeer.change import GENERATED
from kubepeer.intent import Intent
from tasks.certificates.judge import said
from tasks.certificates.kinds import (
    COMPONENTS,
    KUBELET_SELF_SIGNED,
    KUBELET_SELF_SIGNED_KEY,
    Component,
)
from tasks.certificates.pem import Certificate
from tasks.certificates.questions import PIDS
from tasks.control_plane.kubeadm import direct
from tasks.linux.observe import Answer
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange, clearing_marker, marker_of, unit_says

RENEW_SECONDS = 180  # of an API that does not answer kubeadm waits for a minute
GRACE_SECONDS = 30  # of a static pod (terminationGracePeriodSeconds); the kubelet kills what has not ended by then
END_SECONDS = (GRACE_SECONDS + 10) * len(COMPONENTS)
KUBELET_SECONDS = 120
RESTART = "static pods restart"
# kubeadm asks the cluster for its configuration, and takes its defaults where no API answers; names and subjects it has from the
# certificates that stand.
RENEW = """{lock}{direct}umask 077; f=$(mktemp /run/kubepeer-kubeadm.XXXXXX); trap 'rm -f "$f"' EXIT
kubeadm certs renew all >"$f" 2>&1 </dev/null || {{
    code=$?; {{ grep -i '^error' "$f" || tail -n 2 "$f"; }} | head -n 4 | tr '\\n\\t' '  ' >&2; exit $code
}}
sync"""
# SIGTERM, as the kubelet does it: an apiserver ends what it has begun, an etcd that leads hands over.
# crictl stop, not told of a time, kills.
END = f"""alive() {{ s=$(cat "/proc/$1/stat" 2>/dev/null) && s=${{s##*) }} && [ "${{s%% *}}" != Z ]; }}
end() {{
    ended=; for p in $(pids "$1"); do kill -TERM "$p" && ended="$ended $p"; done
    n=0; for p in $ended; do while alive "$p"; do
        n=$((n + 1)); [ $n -lt {10 * GRACE_SECONDS} ] || {{ kill -KILL "$p"; break; }}
        sleep 0.1
    done; done
}}
"""
# The kubelet rests meanwhile. It would start the apiserver within a second: not ready yet, without its etcd, and still taken for well by
# the load balancers, which look every second and believe the second no. A controller that dies leaves the script at work: it ends.
KUBELET_RESTS = """systemctl is-active -q kubelet || { echo "the kubelet does not run there: nobody would start them anew" >&2; exit 1; }
trap 'systemctl start kubelet' EXIT; trap 'exit 1' HUP INT PIPE TERM
systemctl stop kubelet || exit
"""
NOTICED_SECONDS = 3  # haproxy: inter 1s fastinter 200ms fall 2; a port that refuses answers at once
# Some of curl's TLS libraries write "expire date: Nov 26 ...", others "expire date: Fri, 26 Nov ..."
SERVED = (
    "curl --noproxy '*' -skv --max-time 5 -o /dev/null https://127.0.0.1:6443/readyz 2>&1 | grep 'expire date'; true"
)
FORMS = ("%b %d %H:%M:%S %Y GMT", "%a, %d %b %Y %H:%M:%S GMT")


def of_kubeadm(intent: Intent, due: Sequence[Certificate], now: datetime) -> LinuxChange | None:
    """Kubeadm renews all of its certificates on a control plane; None where none is due."""
    if not due:
        return None
    before = "".join(f"{one.path} {said(one, now)}\n" for one in due)
    after = "".join(f"{one.path} {GENERATED}\n" for one in due)
    script = RENEW.format(lock=UNDER_LOCK, direct=direct(intent))
    return LinuxChange(
        "certificates of kubeadm", before, after, steps=(Execute("kubeadm certs renew all", script, RENEW_SECONDS),)
    )


def of_static_pods(names: Collection[str]) -> LinuxChange | None:
    """The static pods begin anew; None where all have read what stands."""
    wanted = [one for one in COMPONENTS if one.name in names]
    if not wanted:
        return None
    listed = ", ".join(one.name for one in wanted)
    step = Execute("restart of static pods", f"{KUBELET_RESTS}{ending(wanted)}\nsleep {NOTICED_SECONDS}", END_SECONDS)
    return LinuxChange(RESTART, f"{listed}: with certificates that are no more", f"{listed}: restarted", steps=(step,))


def ending(components: Iterable[Component]) -> str:
    """A script that ends the processes of components, in this order; whoever does not run need not be ended."""
    lines = "\n".join(f"end {shlex.quote(one.argument)}" for one in components)
    return f"{PIDS}{END}{lines}"


def of_kubelet(well: Execute) -> LinuxChange:
    """A kubelet makes itself another serving certificate when it starts and finds none.

    Args:
        well: waits until it is well.

    """
    # the marker first: where the run is cut off in between, the next deploy.py restarts it
    script = f"touch {marker_of('kubelet')} && rm -f {KUBELET_SELF_SIGNED} {KUBELET_SELF_SIGNED_KEY} && systemctl restart kubelet"
    step = Execute(
        "restart kubelet", clearing_marker("kubelet", script), KUBELET_SECONDS, explanation=unit_says("kubelet")
    )
    return LinuxChange(KUBELET_SELF_SIGNED, "self-signed, of the kubelet\n", f"{GENERATED}\n", steps=(step, well))


def served_until(answer: Answer) -> datetime | None:
    """The end of the certificate that the apiserver of a machine serves; None where it serves none."""
    found = re.search(r"expire date:\s*(.+?)\s*$", answer.text, flags=re.MULTILINE)
    for form in FORMS:
        try:
            return datetime.strptime(" ".join(found[1].split()), form).replace(tzinfo=UTC) if found else None
        except ValueError:
            continue
    return None
