"""Encryption at rest: which keys a control plane's apiserver knows, and which one it writes with. Pure.

Kubernetes, "Encrypting Confidential Data at Rest": the first provider writes, all of them read. With several apiservers, one that writes
with a key that another does not know yet makes that other one fail. So a key comes to all of them first, behind the one that is written
with, and to the front when all of them have it. No key that was ever in use goes away, and `identity`, which reads what was never
encrypted, stays.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from kubepeer.errors import RefusedError
from kubepeer.intent.kubeadm import Encryption
from tasks.control_plane.settings import HEAD

# The lengths that a provider takes, in bytes (apiserver.config.k8s.io/v1: Key.secret; staging/src/k8s.io/apiserver, encryptionconfig)
LENGTHS: Mapping[str, tuple[int, ...]] = {"secretbox": (32,), "aescbc": (16, 24, 32), "aesgcm": (16, 24, 32)}
KNOWN = {kind: kind for kind in LENGTHS}
DEFAULT_RESOURCES = ("secrets",)


@dataclass(frozen=True)
class Provider:
    """A way to read and write; identity, which does not encrypt, has neither name nor secret."""

    kind: str
    name: str = ""
    secret: str = ""


IDENTITY = Provider("identity")


@dataclass(frozen=True)
class Scheme:
    """What a control plane's EncryptionConfiguration says.

    Attributes:
        providers: in their order; the first writes.
        resources: what is encrypted.

    """

    providers: tuple[Provider, ...]
    resources: tuple[str, ...] = DEFAULT_RESOURCES

    @property
    def text(self) -> str:
        """The file."""
        providers = [
            {one.kind: {"keys": [{"name": one.name, "secret": one.secret}]} if one.name else {}}
            for one in self.providers
        ]
        document = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": list(self.resources), "providers": providers}],
        }
        return HEAD + yaml.safe_dump(document, sort_keys=False, default_flow_style=False)


def wanted_key(encryption: Encryption, secret: str) -> Provider:
    """The key that the inventory names; its name tells it from others.

    Raises:
        RefusedError: it is not of the form or the length that its provider takes.

    """
    lengths = LENGTHS[encryption.provider]
    try:
        length = len(base64.b64decode(secret, validate=True))
    except (ValueError, binascii.Error):
        length = 0
    if length not in lengths:
        raise RefusedError(
            f"the key of kubeadm.encryption is not {' or '.join(map(str, lengths))} bytes in base64, as {encryption.provider} takes it",
            cure="head -c 32 /dev/urandom | base64, kept where kubeadm.encryption.secret says",
        )
    return Provider(encryption.provider, f"key-{hashlib.sha256(secret.encode()).hexdigest()[:12]}", secret)


def read(text: str | None) -> Scheme | None:
    """The scheme of a file; None where there is none.

    Raises:
        RefusedError: it is none that can be carried on: some key of it could be lost.

    """
    if text is None:
        return None
    try:
        (entry,) = yaml.safe_load(text)["resources"]
        providers = []
        for one in entry["providers"]:
            ((kind, body),) = one.items()
            if kind == IDENTITY.kind:
                providers.append(IDENTITY)
            else:
                providers += [Provider(KNOWN[kind], key["name"], key["secret"]) for key in body["keys"]]
        return Scheme(tuple(providers), tuple(entry["resources"]))
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(
            "the EncryptionConfiguration that stands is none that Kubepeer can carry on, and a key of it may be in use",
            cure="put it back as it was; providers are secretbox, aescbc, aesgcm and identity, for one list of resources",
        ) from error


def planned(
    own: Scheme | None, others: Iterable[Scheme | None], key: Provider | None, resources: tuple[str, ...]
) -> Scheme | None:
    """What a control plane is to have next; None where nothing was ever encrypted, and nothing is to be.

    Args:
        own: what it has; None for none, also where it is yet to join.
        others: what the other members have, each; None for none, and for one that cannot be asked.
        key: what is to be written with; None for no encryption any more: what was encrypted stays readable.
        resources: what is to be encrypted.

    """
    standing = list(others)
    every = [scheme for scheme in (own, *standing) if scheme is not None]
    if key is None and not every:
        return None
    first = key or IDENTITY
    known = [provider for scheme in every for provider in scheme.providers if provider != IDENTITY]
    named = tuple(dict.fromkeys([name for scheme in every for name in scheme.resources] + list(resources)))
    if all(scheme is not None and _reads(scheme, first, named) for scheme in standing):
        ordered = [first, *known, IDENTITY]
    else:  # those that cannot read it would fail on what is written with it
        before = next((scheme.providers[0] for scheme in every), IDENTITY)
        ordered = [before, *known, first, IDENTITY]
    return Scheme(tuple(dict.fromkeys(ordered)), named)


def _reads(scheme: Scheme, provider: Provider, resources: Iterable[str]) -> bool:
    """Whether an apiserver with this scheme can read what is written with the provider; what is not encrypted it reads anyway."""
    return provider == IDENTITY or (provider in scheme.providers and set(resources) <= set(scheme.resources))


def final(schemes: Iterable[Scheme | None], key: Provider | None) -> bool:
    """Whether all members write with this key."""
    return all(scheme is not None and scheme.providers[0] == (key or IDENTITY) for scheme in schemes)
