"""What kubeadm reads and how it is run: configurations by version, the commands. Pure."""

import shlex

from kubepeer import versions
from kubepeer.change import GENERATED
from kubepeer.errors import RefusedError
from kubepeer.intent import Cluster, Intent, Node, Software
from tasks.control_plane import settings
from tasks.control_plane.containers import ENDPOINT
from tasks.control_plane.join_secrets import TOKEN_DESCRIPTION, TOKEN_LIFETIME, JoinSecrets
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange
from tasks.linux.templates import render
from tasks.nodes.proxy import exceptions

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"

NO_KUBECONFIG = "/run/kubepeer-no-kubeconfig"  # not there: without one kubeadm reset asks no API, and so no etcd
ETCD_DATA = "/var/lib/etcd"  # kubeadm's own place for it, and the same in its pod
KUBEADM_SECONDS = 900  # kubeadm itself gives an API server four minutes; before that images come, maybe from far away

# The configuration holds a token and a key: it comes on standard input, is readable by root alone, and is gone at the end.
# Of its hundred lines only the errors are passed on: the checks that failed, and what it says at its end. From 1.36 on that end does not
# repeat the checks, before it did; some of its errors have several lines.
KUBEADM = """{lock}{direct}umask 077; f=$(mktemp /run/kubepeer-kubeadm.XXXXXX); trap 'rm -f "$f" "$f.log"' EXIT
cat > "$f"; {before}kubeadm {command} --config "$f" {flags} >"$f.log" 2>&1 && exit 0
code=$?; said() {{ sed -n '/^error/,$p' "$f.log" | grep -vE '^ *$|^To see the stack trace'; }}
{{ grep -F '[ERROR ' "$f.log" || said || tail -n 2 "$f.log"; }} | head -n 6 | tr '\\n\\t' '  ' >&2; exit $code"""

# kubeadm asks the API by the virtual IP, and hands its own environment's proxies on to the control plane's pods.
DIRECT = """if [ -n "$HTTPS_PROXY$https_proxy$HTTP_PROXY$http_proxy$ALL_PROXY$all_proxy" ]; then
    NO_PROXY="${{NO_PROXY:-$no_proxy}},{names}"; NO_PROXY=${{NO_PROXY#,}}; no_proxy=$NO_PROXY; export NO_PROXY no_proxy
fi
"""


def direct(intent: Intent) -> str:
    """The beginning of a script: the inventory's proxies; and what is the cluster's own is reached without any.

    kubeadm writes its environment's proxies into the control plane's pods, which the API shows to all who may read them: of one with a
    login it is not told.
    """
    told = intent.proxy
    named = {"HTTP_PROXY": told.http, "HTTPS_PROXY": told.https} if told and not told.login else {}
    exports = "".join(f"export {name}={shlex.quote(address)}\n" for name, address in named.items() if address)
    return exports + DIRECT.format(names=",".join(exceptions(intent)))


def _script(intent: Intent, command: str, *, before: str = "", flags: str = "") -> str:
    """A command of kubeadm that reads its configuration; before: what comes first, once the lock is held."""
    return KUBEADM.format(lock=UNDER_LOCK, direct=direct(intent), before=before, command=command, flags=flags)


def kubeadm_api(kubernetes: str) -> str:
    """The version of kubeadm's configuration API for a version of Kubernetes: the newest that it reads."""
    return "v1beta4" if versions.has("kubeadm", kubernetes, "v1beta4") else "v1beta3"


def cgroup_v1_allowed(software: Software) -> bool:
    """Whether kubelet and kubeadm must be told that control groups of version 1 are wanted: before they did not ask."""
    return software.allow_cgroup_v1 and versions.has("kubeadm", software.kubernetes, "cgroup v1 refused")


def refuse_another_version(intent: Intent, node: Node, running: str) -> None:
    """A node of another minor version than the cluster's is not joined: that would be an upgrade, or worse, by accident.

    Args:
        intent: with the version that is wanted.
        node: who would join.
        running: the API's own version (gitVersion).

    Raises:
        RefusedError: they differ.

    """
    wanted = intent.software.kubernetes
    if versions.number(running.split("-", maxsplit=1)[0].split("+", maxsplit=1)[0])[:2] != versions.number(wanted)[:2]:
        raise RefusedError(
            f"the cluster runs Kubernetes {running.removeprefix('v')}, the inventory says {wanted}: no node joins with another minor "
            "version. Nothing was changed",
            host=node.name,
            cure=f"software.kubernetes: {running.removeprefix('v')}, or python runbooks/upgrade.py first",
        )


def names_of_endpoint(cluster: Cluster) -> list[str]:
    """Of the certificate, too: the controller connects to the address and may not resolve the names."""
    return [*map(str, cluster.endpoint.addresses), cluster.endpoint_name, cluster.endpoint.name]


def init_configuration(
    intent: Intent, node: Node, join: JoinSecrets, given: settings.Given = settings.NOTHING_GIVEN
) -> str:
    """What kubeadm init reads.

    Args:
        intent: whose cluster.
        node: the control plane.
        join: the secrets of this run's joins.
        given: what the inventory points to, and the control plane is to have.

    """
    return render(
        "control_plane/init.yaml.j2",
        api=kubeadm_api(intent.software.kubernetes),
        socket=ENDPOINT,
        allow_cgroup_v1=cgroup_v1_allowed(intent.software),
        cluster=intent.cluster,
        software=intent.software,
        node=node,
        token=join.token,
        token_description=TOKEN_DESCRIPTION,
        token_lifetime=TOKEN_LIFETIME,
        certificate_key=join.certificate_key,
        names=[*dict.fromkeys([*names_of_endpoint(intent.cluster), *intent.kubeadm.cert_sans])],
        added=settings.cluster_fields(intent, given),
        patches=settings.PATCHES_FOLDER if settings.patches(intent, node, given) else "",
    )


def join_configuration(
    intent: Intent, node: Node, join: JoinSecrets, ca_hash: str, given: settings.Given = settings.NOTHING_GIVEN
) -> str:
    """What kubeadm join reads; the cluster's own settings it takes from the cluster."""
    return render(
        "control_plane/join.yaml.j2",
        api=kubeadm_api(intent.software.kubernetes),
        socket=ENDPOINT,
        allow_cgroup_v1=cgroup_v1_allowed(intent.software),
        cluster=intent.cluster,
        node=node,
        token=join.token,
        ca_hash=ca_hash,
        certificate_key=join.certificate_key,
        patches=settings.PATCHES_FOLDER if settings.patches(intent, node, given) else "",
    )


def initialise(intent: Intent, configuration: str, *, again: bool) -> LinuxChange:
    """Kubeadm init.

    Args:
        intent: whose cluster.
        configuration: from init_configuration.
        again: an earlier init was cut off: what it left is used, as each of kubeadm's phases allows.

    """
    ignored = ["DirAvailable--var-lib-etcd"] if again else []
    if again:
        ignored += [f"Port-{port}" for port in (6443, 10259, 10257, 10250, 2379, 2380)]
        names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
        ignored += [f"FileAvailable--etc-kubernetes-manifests-{name}.yaml" for name in names]
    flags = ["--upload-certs"]
    flags += [f"--ignore-preflight-errors={','.join(ignored)}"] if ignored else []
    script = _script(intent, "init", flags=" ".join(flags))
    before = "cut off by an earlier run" if again else None
    step = Execute("kubeadm init", script, KUBEADM_SECONDS, stdin=configuration)
    after = f"first control plane, v{intent.software.kubernetes}{_with_cgroup_v1(intent)} {GENERATED}"
    return LinuxChange("kubeadm init", before, after, steps=(step,))


def _with_cgroup_v1(intent: Intent) -> str:
    allowed = cgroup_v1_allowed(intent.software)
    return ", control groups of version 1 allowed (failCgroupV1: false, SystemVerification ignored)" if allowed else ""


def joining(intent: Intent, node: Node, configuration: str, *, reset: bool) -> LinuxChange:
    """Kubeadm join.

    Args:
        intent: whose cluster.
        node: who joins.
        configuration: from join_configuration.
        reset: an earlier join was cut off, and reset() takes its remains away first.

    """
    empty = "" if node.role == "control_plane" else "rmdir /etc/kubernetes/manifests 2>/dev/null; "
    script = _script(intent, "join", before=empty)
    step = Execute("kubeadm join", script, KUBEADM_SECONDS, stdin=configuration)
    stands = "half joined" if reset else None
    after = f"{node.role.replace('_', ' ')} of {intent.cluster.name}{_with_cgroup_v1(intent)}"
    return LinuxChange("kubeadm join", stands, after, steps=(step,))


def reset(intent: Intent, node: Node, *, with_cluster: bool = True) -> LinuxChange:
    """Take away what a join that was cut off has left on the node; its member of etcd has gone before.

    kubeadm reset empties etcd's folder in its phase remove-etcd-member, and stops the kubelet and the containers in the one after it,
    cleanup-node (kubeadm 1.36): an etcd that the kubelet starts in between writes there again, and kubeadm join takes no folder with data.

    Args:
        intent: whose cluster.
        node: whose machine.
        with_cluster: the cluster lives on; else nobody is asked, since nobody may answer (kubeadm: cmd/reset.go, newResetData).

    """
    alone = "" if with_cluster else f" --kubeconfig {NO_KUBECONFIG}"
    script = f"{UNDER_LOCK}{direct(intent)}kubeadm reset -f --cri-socket {ENDPOINT}{alone} 2>&1"
    if node.role == "control_plane" and intent.kubeadm.stacked_etcd:
        script += f" || exit\n[ ! -d {ETCD_DATA} ] || find {ETCD_DATA} -mindepth 1 -delete"
    step = Execute("kubeadm reset", script, KUBEADM_SECONDS)
    return LinuxChange("kubeadm reset", "half joined", "no member", steps=(step,))


def register_again(node: Node) -> LinuxChange:
    """A kubelet registers its node when it starts, and never again: where somebody has deleted the Node, a restart brings it back."""
    step = Execute("kubelet restart", "systemctl restart kubelet", deadline=90)
    return LinuxChange(f"Node {node.full_name}", None, "registered again by its kubelet", steps=(step,))


def init_phase(intent: Intent, phase: str, configuration: str) -> Execute:
    """One phase of kubeadm init; what is there already it leaves as it is.

    Args:
        intent: whose cluster.
        phase: its name, with that of its part.
        configuration: from init_configuration.

    """
    command = f"init phase {phase}"
    return Execute(f"kubeadm {command}", _script(intent, command), deadline=120, stdin=configuration)


def mark_control_plane(intent: Intent, configuration: str) -> LinuxChange:
    """The label and the taint of a control plane: kubeadm sets them last, and a join that fails before leaves a node without."""
    script = _script(intent, "init phase mark-control-plane")
    step = Execute("kubeadm init phase mark-control-plane", script, deadline=60, stdin=configuration)
    return LinuxChange("control plane's label and taint", None, CONTROL_PLANE_LABEL, steps=(step,))


def upload_certificates(intent: Intent, configuration: str) -> Execute:
    """Put the control planes' certificates into the cluster again, encrypted with the key in the configuration, for two hours."""
    script = _script(intent, "init phase upload-certs", flags="--upload-certs")
    return Execute("kubeadm init phase upload-certs", script, deadline=60, stdin=configuration)
