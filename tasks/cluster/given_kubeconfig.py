"""A kubeconfig of somebody's cluster, as kubectl takes it: where the API is, and who asks. Pure.

Of what client-go knows (tools/clientcmd/api/v1) that is taken which proves both ends by itself: a CA, and a token or a certificate.
Programs are not started, since they may ask a person, open a browser, or leave a token that nobody hides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

from kubepeer import safe_yaml
from tasks.cluster.kubeconfig import UnusableError, decoded

TOKEN = "docs/adopt.md has a service account with a token that can read what is needed, and no more"  # noqa: S105  a cure


class NotTakenError(UnusableError):
    """It is a kubeconfig, and it says what Kubepeer does not do; `cure` is what to write instead."""

    def __init__(self, what: str, cure: str = TOKEN) -> None:
        super().__init__(what)
        self.cure = cure


@dataclass(frozen=True)
class Part:
    """A certificate, a key or a token: its text, or the file that it stands in."""

    text: str = ""
    file: str = ""


@dataclass(frozen=True)
class Given:
    """What a kubeconfig says by its current context.

    Attributes:
        name: of the cluster, as the kubeconfig calls it.
        server: https://HOST:PORT.
        server_name: what the certificate is checked against; None: the host.
        ca: of the cluster.
        token: None where certificate and key are there.

    """

    name: str
    server: str
    server_name: str | None
    ca: Part
    token: Part | None = None
    certificate: Part | None = None
    key: Part | None = None


def given(text: str) -> Given:
    """Read the current context.

    Raises:
        UnusableError: it is no kubeconfig, or lacks something; NotTakenError with what to do instead.

    """
    try:
        document = safe_yaml.load(text)
    except yaml.YAMLError as error:
        raise UnusableError("is no YAML") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("clusters"), list):
        raise UnusableError("is no kubeconfig: it names no clusters")
    context = _context(document)
    cluster = _named(document, "clusters", "cluster", context.get("cluster"))
    user = _named(document, "users", "user", context.get("user"))
    _refuse_what_is_not_taken(cluster, user, str(context.get("user")))
    server = str(cluster.get("server") or "")
    parts = urlsplit(server)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
        raise NotTakenError(f"has the server {server!r}", "https://HOST:PORT of the API itself")
    ca = _part(cluster, "certificate-authority")
    if ca is None:
        raise NotTakenError(
            "has no certificate-authority of the cluster: nobody could tell its API from another's",
            "kubectl config view --raw --minify --flatten, of a kubeconfig that has it",
        )
    token, certificate, key = _token(user), _part(user, "client-certificate"), _part(user, "client-key")
    if token is None and not (certificate and key):
        raise NotTakenError(
            f"has neither a token nor a client certificate with its key for the user {context.get('user')}"
        )
    own = None if token else certificate
    return Given(
        name=str(context.get("cluster")),
        server=f"https://{parts.netloc.rpartition('@')[2]}",
        server_name=cluster.get("tls-server-name") or None,
        ca=ca,
        token=token,
        certificate=own,
        key=key if own else None,
    )


def _context(document: Mapping[str, Any]) -> Mapping[str, Any]:
    current = document.get("current-context")
    if current:
        return _named(document, "contexts", "context", current)
    raise NotTakenError("names no current-context", "kubectl config use-context NAME")


def _named(document: Mapping[str, Any], section: str, item: str, name: object) -> Mapping[str, Any]:
    for entry in document.get(section) or ():
        if isinstance(entry, Mapping) and entry.get("name") == name and isinstance(entry.get(item), Mapping):
            found: Mapping[str, Any] = entry[item]
            return found
    raise UnusableError(f"has no {item} {name!r}")


def _refuse_what_is_not_taken(cluster: Mapping[str, Any], user: Mapping[str, Any], name: str) -> None:
    if program := user.get("exec"):
        command = program.get("command") if isinstance(program, Mapping) else program
        raise NotTakenError(f"logs the user {name} in by a program (exec: {command}), which is not started")
    if provider := user.get("auth-provider"):
        called = provider.get("name") if isinstance(provider, Mapping) else provider
        raise NotTakenError(f"logs the user {name} in by an auth-provider ({called}), which is not started")
    if "username" in user:
        raise NotTakenError(f"logs the user {name} in by a password, which no API takes since Kubernetes 1.19")
    if cluster.get("insecure-skip-tls-verify"):
        raise NotTakenError(
            "says insecure-skip-tls-verify: whoever answered would get the token",
            "certificate-authority-data of the cluster in its place",
        )
    if cluster.get("proxy-url"):
        raise NotTakenError("says proxy-url: the API is asked directly", "a way to the API itself")


def _part(section: Mapping[str, Any], key: str) -> Part | None:
    """A certificate or key: data in base64 comes before a file, as in client-go."""
    if data := section.get(f"{key}-data"):
        return Part(text=decoded(str(data), f"{key}-data"))
    return Part(file=str(section[key])) if section.get(key) else None


def _token(user: Mapping[str, Any]) -> Part | None:
    """Of a token and a file with one the file counts, as in client-go."""
    if user.get("tokenFile"):
        return Part(file=str(user["tokenFile"]))
    return Part(text=str(user["token"])) if user.get("token") else None
