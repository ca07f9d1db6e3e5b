"""What a joining node needs for one run: the token and its Secret, the certificates' key, the hash of the CA. Pure."""

import base64
import hashlib
import secrets
import string
import warnings
from dataclasses import dataclass
from typing import Any

TOKEN_DESCRIPTION = "made by kubepeer for one run"  # noqa: S105  a description
TOKEN_LIFETIME = "30m0s"  # noqa: S105  longer than any run; it is deleted at the run's end
# kubeadm's CA has serial number 0; cryptography warns of it at each reading, and nobody can do anything about it
warnings.filterwarnings("ignore", message="Parsed a serial number which wasn't positive")


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


def ca_hash(ca_pem: str) -> str:
    """The hash that kubeadm join pins the CA with: SHA-256 over the public key's SubjectPublicKeyInfo (RFC 7469)."""
    from cryptography import x509  # noqa: PLC0415  not waited for where no node joins
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    key = x509.load_pem_x509_certificate(ca_pem.encode()).public_key()
    return "sha256:" + hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


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
