"""What kubeadm reads and how it is run: configurations by version, the secrets of a join, the commands. Pure."""

import base64
import hashlib
import secrets
import string
import warnings
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kubepeer.change import GENERATED
from kubepeer.intent import Intent, Node
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange
from tasks.linux.templates import render

SOCKET = "/run/containerd/containerd.sock"
TOKEN_DESCRIPTION = "made by kubepeer for one run"  # noqa: S105  a description
TOKEN_LIFETIME = "30m0s"  # noqa: S105  longer than any run; it is deleted at the run's end
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"  # kubeadm of 1.20 and later
# kubeadm's CA has serial number 0; cryptography warns of it at each reading, and nobody can do anything about it
warnings.filterwarnings("ignore", message="Parsed a serial number which wasn't positive")

KUBEADM_SECONDS = 900  # kubeadm itself gives an API server four minutes; before that images come, maybe from far away
# kubeadm: v1beta3 came with 1.22; from 1.31 on it is deprecated in favour of v1beta4, and 1.37 does not read it
V1BETA3_FROM, V1BETA4_FROM = 22, 31
# kubeadm join complains of foreign manifests before 1.23 (it checks single files since)
FOREIGN_MANIFESTS_ALLOWED_FROM = 23

# The configuration holds a token and a key: it comes on standard input, is readable by root alone, and is gone at the end.
# Of its hundred lines only the errors are passed on.
KUBEADM = """{lock}umask 077; f=$(mktemp /run/kubepeer-kubeadm.XXXXXX); trap 'rm -f "$f" "$f.log"' EXIT
cat > "$f"; {before}kubeadm {command} --config "$f" {flags} >"$f.log" 2>&1 && exit 0
code=$?; {{ grep -hE 'ERROR|^error|rror:|timed out' "$f.log" || tail -n 2 "$f.log"; }} | head -n 4 | tr '\\n\\t' '  ' >&2; exit $code"""


@dataclass(frozen=True)
class JoinSecrets:
    """What a joining node needs; made for one run, and worthless after it."""

    token: str
    certificate_key: str

    @classmethod
    def generate(cls) -> "JoinSecrets":
        """New random ones: the token's form is kubeadm's [a-z0-9]{6}.[a-z0-9]{16}, the key 32 bytes in hexadecimal."""
        letters = string.ascii_lowercase + string.digits
        token = ".".join("".join(secrets.choice(letters) for _ in range(length)) for length in (6, 16))
        return cls(token, secrets.token_hex(32))


def kubeadm_api(minor: int) -> str:
    """The version of kubeadm's configuration API for a minor version of Kubernetes."""
    return "v1beta4" if minor >= V1BETA4_FROM else "v1beta3" if minor >= V1BETA3_FROM else "v1beta2"


def socket_for(minor: int) -> str:
    """The CRI socket as kubeadm wants it: a URL from v1beta3 on."""
    return SOCKET if minor < V1BETA3_FROM else f"unix://{SOCKET}"


def init_configuration(intent: Intent, node: Node, join: JoinSecrets) -> str:
    """What kubeadm init reads."""
    minor = intent.software.minor
    return render(
        "control_plane/init.yaml.j2",
        api=kubeadm_api(minor),
        socket=socket_for(minor),
        cluster=intent.cluster,
        software=intent.software,
        node=node,
        token=join.token,
        token_description=TOKEN_DESCRIPTION,
        token_lifetime=TOKEN_LIFETIME,
        certificate_key=join.certificate_key,
    )


def join_configuration(intent: Intent, node: Node, join: JoinSecrets, ca_hash: str) -> str:
    """What kubeadm join reads."""
    minor = intent.software.minor
    return render(
        "control_plane/join.yaml.j2",
        api=kubeadm_api(minor),
        socket=socket_for(minor),
        cluster=intent.cluster,
        node=node,
        token=join.token,
        ca_hash=ca_hash,
        certificate_key=join.certificate_key,
    )


def ca_hash(ca_pem: str) -> str:
    """The hash that kubeadm join pins the CA with: SHA-256 over the public key's SubjectPublicKeyInfo (RFC 7469)."""
    key = x509.load_pem_x509_certificate(ca_pem.encode()).public_key()
    return "sha256:" + hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def initialise(intent: Intent, configuration: str, *, again: bool) -> LinuxChange:
    """Kubeadm init.

    Args:
        intent: for the images that are left out.
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
    script = KUBEADM.format(lock=UNDER_LOCK, before="", command="init", flags=" ".join(flags))
    before = "cut off by an earlier run" if again else None
    step = Execute("kubeadm init", script, KUBEADM_SECONDS, stdin=configuration)
    return LinuxChange(
        "kubeadm init", before, f"first control plane, v{intent.software.kubernetes} {GENERATED}", steps=(step,)
    )


def joining(intent: Intent, node: Node, configuration: str, *, reset: bool) -> LinuxChange:
    """Kubeadm join.

    Args:
        intent: for the version's quirks.
        node: who joins.
        configuration: from join_configuration.
        reset: an earlier join was cut off, and reset() takes its remains away first.

    """
    ignore = node.role == "control_plane" and intent.software.minor < FOREIGN_MANIFESTS_ALLOWED_FROM
    flags = "--ignore-preflight-errors=DirAvailable--etc-kubernetes-manifests" if ignore else ""
    empty = "" if node.role == "control_plane" else "rmdir /etc/kubernetes/manifests 2>/dev/null; "
    script = KUBEADM.format(lock=UNDER_LOCK, before=empty, command="join", flags=flags)
    step = Execute("kubeadm join", script, KUBEADM_SECONDS, stdin=configuration)
    stands = "half joined" if reset else None
    return LinuxChange("kubeadm join", stands, f"{node.role.replace('_', ' ')} of {intent.cluster.name}", steps=(step,))


def reset() -> LinuxChange:
    """Take away what a join that was cut off has left, an etcd member among it."""
    step = Execute("kubeadm reset", f"{UNDER_LOCK}kubeadm reset -f --cri-socket {SOCKET} 2>&1", KUBEADM_SECONDS)
    return LinuxChange("kubeadm reset", "half joined", "no member", steps=(step,))


def mark_control_plane(configuration: str) -> LinuxChange:
    """The label and the taint of a control plane: kubeadm sets them last, and a join that fails before leaves a node without."""
    script = KUBEADM.format(lock=UNDER_LOCK, before="", command="init phase mark-control-plane", flags="")
    step = Execute("kubeadm init phase mark-control-plane", script, deadline=60, stdin=configuration)
    return LinuxChange("control plane's label and taint", None, CONTROL_PLANE_LABEL, steps=(step,))


def upload_certificates(configuration: str) -> Execute:
    """Put the control planes' certificates into the cluster again, encrypted with the key in the configuration, for two hours."""
    script = KUBEADM.format(lock=UNDER_LOCK, before="", command="init phase upload-certs", flags="--upload-certs")
    return Execute("kubeadm init phase upload-certs", script, deadline=60, stdin=configuration)


def bootstrap_token(join: JoinSecrets, expires: str) -> dict[str, object]:
    """The Secret that makes a bootstrap token valid (Kubernetes: Authenticating with Bootstrap Tokens).

    Args:
        join: the secrets.
        expires: RFC 3339 time.

    """
    identity, secret = join.token.split(".")
    fields = {
        "token-id": identity,
        "token-secret": secret,
        "expiration": expires,
        "description": TOKEN_DESCRIPTION,
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": f"bootstrap-token-{identity}", "namespace": "kube-system"},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in fields.items()},
    }


def decoded(secret: dict[str, Any], key: str) -> str:
    """A field of a Secret as text; "" where it has none."""
    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode(errors="replace")
