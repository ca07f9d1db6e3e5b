"""The administrator's kubeconfig, as kubeadm writes it: certificates and key embedded. Pure.

kubeadm writes it in one go and not by a rename: who is cut off in the middle of it, or has a full disk, leaves a part of one.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from kubepeer import safe_yaml

PEM = ("-----BEGIN ", "-----END ")
CA = ("clusters", "cluster", "certificate-authority-data")
CERTIFICATE, KEY = ("users", "user", "client-certificate-data"), ("users", "user", "client-key-data")


class UnusableError(ValueError):
    """A text is no kubeconfig that a connection could be made with; says what it lacks, to be read after the file's name."""


@dataclass(frozen=True)
class Credentials:
    """What a connection needs: certificates and key in PEM; who has a token has no certificate."""

    ca: str
    certificate: str = ""
    key: str = ""
    token: str = ""


def credentials(text: str) -> Credentials:
    """Read them from the text of an admin.conf.

    Raises:
        UnusableError: it is empty, no YAML, or a part of it is missing or cut off.

    """
    if not text.strip():
        raise UnusableError("is empty")
    try:
        document = safe_yaml.load(text)
    except yaml.YAMLError as error:
        raise UnusableError("is no YAML: it was not written to its end") from error
    return Credentials(_pem(document, *CA), _pem(document, *CERTIFICATE), _pem(document, *KEY))


def _pem(document: Any, section: str, item: str, key: str) -> str:
    """A certificate or key of the first cluster or user (client-go, tools/clientcmd/api/v1)."""
    entries = document.get(section) if isinstance(document, Mapping) else None
    first = entries[0] if isinstance(entries, list) and entries else None
    below = first.get(item) if isinstance(first, Mapping) else None
    data = below.get(key) if isinstance(below, Mapping) else None
    if not isinstance(data, str):
        raise UnusableError(f"has no {key}: it was not written to its end")
    return decoded(data, key)


def decoded(data: str, key: str) -> str:
    """A certificate or key in PEM, out of base64.

    Raises:
        UnusableError: it is cut off; names the key that it stands under.

    """
    try:
        text = base64.b64decode("".join(data.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnusableError(f"has a {key} that is cut off") from error
    if not all(mark in text for mark in PEM):
        raise UnusableError(f"has a {key} that is cut off")
    return text
