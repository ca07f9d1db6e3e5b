"""Open the connections of Nornir's plugins, and say in one line why one cannot be opened."""

import socket
from collections import defaultdict
from threading import Lock
from typing import Any

import paramiko
from napalm.base.exceptions import ModuleImportError
from napalm_unix_router.login import log_in
from netmiko.exceptions import NetmikoAuthenticationException
from nornir.core import Nornir
from nornir.core.inventory import Host

from kubepeer.errors import CommandError, KubepeerError, UnreachableError

GREETING_SECONDS = 5
HTTPS_PORT = 443
# One a host: who comes second takes the connection that the first one has opened.
_OPENING: defaultdict[str, Lock] = defaultdict(Lock)


def connection(nornir: Nornir, name: str, plugin: str) -> Any:
    """The open connection of a host by a Nornir plugin (netmiko, napalm); opened once, kept for the run.

    Raises:
        UnreachableError: no answer, another host key than the known one, login refused.

    """
    host = nornir.inventory.hosts[name]
    try:
        with _OPENING[name]:
            opened = host.get_connection(plugin, nornir.config)
            if plugin == "netmiko" and getattr(opened, "remote_conn_pre", None) is None:
                log_in(opened)
    except KubepeerError:
        raise
    except ModuleImportError as error:
        raise CommandError(
            f"no NAPALM driver for platform {host.platform!r}: {error}", host=name, cure="pip install the driver"
        ) from error
    except Exception as error:
        raise explain(host, error) from error
    if plugin == "netmiko":
        # netmiko says goodbye with `exit` to a shell that nobody used, and bash writes it into the user's history
        opened.cleanup = _say_nothing
    return opened


def _say_nothing(_goodbye: str = "") -> None:
    """The connection is closed without a word."""


def answers(host: Host) -> bool:
    """Whether a new connection to the host's SSH server comes to its greeting (RFC 4253, 4.2); the open one proves nothing of the kind.

    A host whose driver speaks HTTPS is asked for a connection there.
    """
    extras = host.get_connection_parameters("napalm").extras or {}
    by_https = extras.get("optional_args", {}).get("transport") == "https"
    port = extras.get("optional_args", {}).get("port") or HTTPS_PORT if by_https else host.port or 22
    try:
        with socket.create_connection((str(host.hostname), port), timeout=GREETING_SECONDS) as fresh:
            if by_https:
                return True
            return fresh.recv(4) == b"SSH-"
    except OSError:
        return False


def explain(host: Host, error: Exception) -> UnreachableError:
    """What a failed connection means, and the cure."""
    address = f"{host.hostname}:{host.port or 22}"
    known_hosts = (host.get_connection_parameters("netmiko").extras or {}).get("alt_key_file", "known_hosts")
    chain = list(_chain(error))
    if any(isinstance(link, paramiko.BadHostKeyException) for link in chain):
        return UnreachableError(
            f"the host key of {address} is not the known one: another machine, or an attacker in between",
            host=host.name,
            cure=f"if the machine was rebuilt, remove its line from known_hosts (ssh-keygen -R {host.hostname} -f {known_hosts})",
        )
    text = " ".join(str(link) for link in chain)
    if "not found in known_hosts" in text:
        return UnreachableError(
            f"no host key is known for {address}, and it gave none",
            host=host.name,
            cure="is it up? With host_keys: strict, add its key to known_hosts",
        )
    if any(isinstance(link, NetmikoAuthenticationException | paramiko.AuthenticationException) for link in chain):
        return UnreachableError(
            f"{address} refused the login of {host.username}",
            host=host.name,
            cure="check username and key_file in the defaults file",
        )
    reasons = [str(link) for link in chain if isinstance(link, OSError)] or [str(chain[0])]
    last = " ".join(reasons[-1].split()) or type(error).__name__
    return UnreachableError(
        f"{address} does not answer: {last[:200]}", host=host.name, cure="is it up, and is this the right network?"
    )


def _chain(error: BaseException | None) -> Any:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
