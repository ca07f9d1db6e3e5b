"""Certificates in PEM, as files and kubeconfigs have them (RFC 5280, RFC 7468). Pure."""

import re
from base64 import b64decode
from binascii import Error
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.certificates.kinds import Renewer, renewer_of

if TYPE_CHECKING:
    from cryptography import x509

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True)
class Certificate:
    """A certificate on a node.

    Attributes:
        path: of its file.
        authority: it signs others (RFC 5280, 4.2.1.9).
        subject: its common name.
        issuer: that of its signer.
        begins, expires: from when and until when it is valid.
        fingerprint: of the whole of it; the same file on two nodes has the same.
        renewer: who renews it.

    """

    path: str
    authority: bool
    subject: str
    issuer: str
    begins: datetime
    expires: datetime
    fingerprint: str
    renewer: Renewer


def parsed(text: str) -> "list[x509.Certificate | None]":
    """The certificates of a file, PEM as it stands or a kubeconfig's; None for each that is none."""
    from cryptography import x509  # noqa: PLC0415  not waited for where no certificate is looked at

    blocks = BLOCK.findall(text)
    for data in re.findall(r"^client-certificate-data: (\S+)$", text, flags=re.MULTILINE):
        try:
            blocks += BLOCK.findall(b64decode(data).decode("ascii")) or [""]
        except (Error, UnicodeDecodeError):
            blocks.append("")
    found: list[x509.Certificate | None] = []
    for block in blocks:
        try:
            found.append(x509.load_pem_x509_certificate(block.encode()))
        except ValueError:
            found.append(None)
    return found


def is_signed_by(found: "x509.Certificate", authority: "x509.Certificate") -> bool:
    """Whether a CA has signed a certificate."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  as above

    try:
        found.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def certificate(path: str, found: "x509.Certificate", *, copy: bool) -> Certificate:
    """What is told of a certificate.

    Args:
        path: of its file.
        found: the certificate.
        copy: it is the administrator's, in a user's own kubeconfig.

    """
    from cryptography import x509  # noqa: PLC0415  as above
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415  as above

    try:
        authority = bool(found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (ValueError, x509.ExtensionNotFound):
        authority = False
    issuer = _name(found.issuer)
    # the kubelet signs its own with a CA that it makes for this one certificate, and keeps no key of: NAME-ca@SECONDS
    self_signed = found.issuer == found.subject or bool(re.search(r"-ca@\d+$", issuer))
    return Certificate(
        path=path,
        authority=authority,
        subject=_name(found.subject),
        issuer=issuer,
        begins=found.not_valid_before_utc,
        expires=found.not_valid_after_utc,
        fingerprint=found.fingerprint(SHA256()).hex(),
        renewer=renewer_of(path, self_signed=self_signed, copy=copy),
    )


def _name(name: "x509.Name") -> str:
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  as above

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def days(certificate: Certificate, now: datetime) -> int:
    """Whole days that are left; below zero when it has expired."""
    return (certificate.expires - now.astimezone(UTC)).days
