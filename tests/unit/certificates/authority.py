"""Certificates as a test wants them: real ones, signed by a CA that is made for it."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@cache
def key_of(authority: str) -> EllipticCurvePrivateKey:
    """The key of a CA; another name is another CA."""
    return generate_private_key(SECP256R1())


def pem(subject: str, days: float, *, issuer: str = "kubernetes", authority: bool = False, serial: int = 0) -> str:
    """A certificate that ends so many days from NOW; one with issuer == subject has signed itself."""
    ends = NOW + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key_of(subject if authority else "everybody").public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(min(NOW, ends) - timedelta(days=10))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    return builder.sign(key_of(issuer), SHA256()).public_bytes(Encoding.PEM).decode("ascii")


def kubeconfig_line(text: str) -> str:
    """As a kubeconfig has it, and as a node tells it."""
    return f"client-certificate-data: {b64encode(text.encode()).decode()}\n"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
