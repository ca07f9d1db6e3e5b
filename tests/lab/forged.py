"""Certificates of a node as they will be when their year is nearly over: the same, signed by the same CA, with a few days left."""

import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.lab.laboratory import Laboratory

KUBERNETES = "/etc/kubernetes"
FILES = {  # file -> its CA, as kubeadm signs them
    **dict.fromkeys(("pki/apiserver.crt", "pki/apiserver-kubelet-client.crt"), "ca"),
    "pki/front-proxy-client.crt": "front-proxy-ca",
    **dict.fromkeys(
        (
            "pki/apiserver-etcd-client.crt",
            *(f"pki/etcd/{name}.crt" for name in ("server", "peer", "healthcheck-client")),
        ),
        "etcd/ca",
    ),
    **dict.fromkeys(("admin.conf", "controller-manager.conf", "scheduler.conf"), "ca"),
}
PATHS = frozenset(f"{KUBERNETES}/{file}" for file in FILES)
DATA = re.compile(r"(client-certificate-data: )(\S+)")
END = "END OF THE FILE"


def forge(lab: Laboratory, node: str, days: int) -> None:
    """Every certificate of kubeadm's on a control plane, root's kubeconfig with it; each file keeps its time, and no program restarts."""
    authorities = {name: _authority(lab, node, name) for name in sorted(set(FILES.values()))}
    for file, name in FILES.items():
        path = f"{KUBERNETES}/{file}"
        stands = lab.inside(node, f"cat {path}")
        if file.endswith(".conf"):
            found = DATA.search(stands)
            assert found is not None, path
            text = stands.replace(found[2], b64encode(_signed(b64decode(found[2]), authorities[name], days)).decode())
        else:
            text = _signed(stands.encode(), authorities[name], days).decode()
        _write(lab, node, path, text)
    lab.inside(node, f"cp {KUBERNETES}/admin.conf /root/.kube/config")


def serial(lab: Laboratory, node: str, file: str = "pki/apiserver.crt") -> int:
    """The serial number of a node's certificate: renewed, it has another one."""
    return x509.load_pem_x509_certificate(lab.inside(node, f"cat {KUBERNETES}/{file}").encode()).serial_number


def _write(lab: Laboratory, node: str, path: str, text: str) -> None:
    lab.inside(
        node, f"cat >{path}.forged <<'{END}'\n{text.rstrip()}\n{END}\ntouch -r {path} {path}.forged && cat {path}.forged >{path} "
        f"&& touch -r {path}.forged {path} && rm {path}.forged",
    )  # fmt: skip


Key = EllipticCurvePrivateKey | RSAPrivateKey


def _authority(lab: Laboratory, node: str, name: str) -> tuple[x509.Certificate, Key]:
    certificate = lab.inside(node, f"cat {KUBERNETES}/pki/{name}.crt").encode()
    key = load_pem_private_key(lab.inside(node, f"cat {KUBERNETES}/pki/{name}.key").encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey)
    return x509.load_pem_x509_certificate(certificate), key


def _signed(pem: bytes, authority: tuple[x509.Certificate, Key], days: int) -> bytes:
    stands = x509.load_pem_x509_certificate(pem)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(stands.subject)
        .issuer_name(authority[0].subject)
        .public_key(stands.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=360))
        .not_valid_after(now + timedelta(days=days, hours=1))
    )
    for extension in stands.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(authority[1], SHA256()).public_bytes(Encoding.PEM)
