"""The mirrors of the registries, where containerd looks for them: certs.d. Pure.

The login is a header of hosts.toml, which containerd reads from 1.5 on (docs/hosts.md), without a restart. `registry.configs` of
config.toml, the other place, is deprecated since 1.5 and goes with 2.4 (RELEASES.md). The mirror must take the login at its API itself
(RFC 7617), as a registry with Basic authentication and the proxies before one do; containerd 2.3 also shows it to the one who
gives out tokens (core/remotes/docker/config/hosts.go, WithAuthHeader).
"""

import base64
from collections.abc import Iterator

from kubepeer.intent import Intent
from kubepeer.intent.runtime import Mirror
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, file
from tasks.linux.templates import render
from tasks.nodes.given import Given

CERTS_FOLDER = "/etc/containerd/certs.d"


def paths(intent: Intent) -> list[str]:
    """The files of all mirrors."""
    return [path for registry in intent.registries for path in (_hosts(registry), _ca(registry))]


def plan(intent: Intent, seen: Seen, given: Given) -> Iterator[LinuxChange | None]:
    """Of each registry its mirror, read anew at each pull; a file that holds a login is root's alone, and never shown."""
    for registry, mirror in intent.registries.items():
        if mirror.ca:
            yield file(_ca(registry), given.certificates[registry], seen.files[_ca(registry)])
        text = hosts_file(registry, mirror, given.passwords.get(registry, ""))
        secret = mirror.login is not None
        yield file(_hosts(registry), text, seen.files[_hosts(registry)], mode="600" if secret else "644", secret=secret)


def hosts_file(registry: str, mirror: Mirror, password: str = "") -> str:
    """hosts.toml of a registry."""
    return render(
        "nodes/hosts.toml.j2",
        registry=registry,
        mirror=mirror,
        ca=_ca(registry) if mirror.ca else "",
        authorization=f"Basic {basic(mirror.login.username, password)}" if mirror.login else "",
    )


def basic(username: str, password: str) -> str:
    """What follows the word Basic in the header Authorization (RFC 7617)."""
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _hosts(registry: str) -> str:
    return f"{CERTS_FOLDER}/{registry}/hosts.toml"


def _ca(registry: str) -> str:
    return f"{CERTS_FOLDER}/{registry}/mirror-ca.pem"
