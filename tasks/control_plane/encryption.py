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
from typing import Any

import yaml

from kubepeer import safe_yaml
from kubepeer.errors import RefusedError
from kubepeer.intent.kubeadm import Encryption
from tasks.control_plane.settings import HEAD

# The lengths that a provider takes, in bytes (apiserver.config.k8s.io/v1: Key.secret; staging/src/k8s.io/apiserver, encryptionconfig)
LENGTHS: Mapping[str, tuple[int, ...]] = {"secretbox": (32,), "aescbc": (16, 24, 32), "aesgcm": (16, 24, 32)}
KNOWN = {kind: kind for kind in LENGTHS}


@dataclass(frozen=True)
class Provider:
    """A way to read and write; identity, which does not encrypt, has neither name nor secret."""

    kind: str
    name: str = ""
    secret: str = ""


IDENTITY = Provider("identity")


Providers = tuple[Provider, ...]


@dataclass(frozen=True)
class Scheme:
    """What a control plane's EncryptionConfiguration says.

    Attributes:
        providers: resource -> its providers in their order; the first writes.

    """

    providers: Mapping[str, Providers]

    @property
    def text(self) -> str:
        """The file."""
        document = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [
                {"resources": [name], "providers": list(map(_in_form, listed))}
                for name, listed in self.providers.items()
            ],
        }
        return HEAD + yaml.safe_dump(document, sort_keys=False, default_flow_style=False)

    @property
    def secrets(self) -> frozenset[str]:
        """Every key, to be hidden."""
        return frozenset(one.secret for listed in self.providers.values() for one in listed if one.secret)


def _in_form(provider: Provider) -> dict[str, object]:
    keys = [{"name": provider.name, "secret": provider.secret}]
    return {provider.kind: {"keys": keys} if provider.name else {}}


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
        found: dict[str, Providers] = {}
        for entry in safe_yaml.load(text)["resources"]:
            listed = tuple(provider for one in entry["providers"] for provider in _read(one))
            found |= dict.fromkeys(entry["resources"], listed)
        return Scheme(found)
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(
            "the EncryptionConfiguration that stands is none that Kubepeer can carry on, and a key of it may be in use",
            cure="put it back as it was; providers are secretbox, aescbc, aesgcm and identity",
        ) from error


def _read(entry: Mapping[str, Any]) -> Providers:
    ((kind, body),) = entry.items()
    return (
        (IDENTITY,)
        if kind == IDENTITY.kind
        else tuple(Provider(KNOWN[kind], key["name"], key["secret"]) for key in body["keys"])
    )


def planned(own: Providers, others: Iterable[Providers], key: Provider | None) -> Providers:
    """The providers of a resource that a control plane is to have next; none where it was never encrypted, and is not to be.

    Args:
        own: what it has; none where it has none, also where it is yet to join.
        others: what the other members have, each; of one that cannot be asked none, for it may have none.
        key: what is to be written with; None for no encryption any more: what was encrypted stays readable.

    """
    standing = list(others)
    every = [listed for listed in (own, *standing) if listed]
    if key is None and not every:
        return ()
    first = key or IDENTITY
    known = [provider for listed in every for provider in listed if provider != IDENTITY]
    if first == IDENTITY or all(first in listed for listed in standing):
        ordered = [first, *known, IDENTITY]
    else:  # those that cannot read it would fail on what is written with it
        before = next((listed[0] for listed in every), IDENTITY)
        ordered = [before, *known, first, IDENTITY]
    return tuple(dict.fromkeys(ordered))


def scheme(
    own: Scheme | None, others: Iterable[Scheme | None], key: Provider | None, resources: Iterable[str]
) -> Scheme | None:
    """What a control plane is to have next, of every resource that is to be encrypted or was; None where there is none.

    Args:
        own: what it has, as for planned().
        others: what the other members have.
        key: of the inventory.
        resources: that the inventory wants encrypted with it.

    """
    standing = list(others)
    named = dict.fromkeys(
        [name for one in (own, *standing) if one is not None for name in one.providers] + list(resources)
    )
    found = {}
    for name in named:
        listed = planned(_of(own, name), [_of(one, name) for one in standing], key if name in resources else None)
        if listed:
            found[name] = listed
    return Scheme(found) if found else None


def _of(one: Scheme | None, resource: str) -> Providers:
    return one.providers.get(resource, ()) if one is not None else ()


def final(schemes: Iterable[Scheme | None], resource: str, key: Provider | None) -> bool:
    """Whether all members write a resource with this key."""
    return all(_of(one, resource)[:1] == (key or IDENTITY,) for one in schemes)
