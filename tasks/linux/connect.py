"""Open the connections of Nornir's plugins, and say in one line why one cannot be opened."""

import errno
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import paramiko
from napalm_unix_router.login import log_in
from netmiko.base_connection import BaseConnection
from netmiko.exceptions import NetmikoAuthenticationException
from nornir.core import Nornir
from nornir.core.inventory import Host

from kubepeer.errors import CommandError, KubepeerError, LoginRefusedError, UnreachableError
from kubepeer.known_hosts import read_known_hosts
from kubepeer.way import SSH_PORT, Connection, changed_key, is_refusal, name_of, shown, way_to
from tasks.linux.napalm_errors import napalm_error

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
            if plugin == "napalm":
                _go_anew((host.get_connection_parameters(plugin).extras or {}).get("optional_args", {}))
            opened = host.get_connection(plugin, nornir.config)
            if plugin == "netmiko" and getattr(opened, "remote_conn_pre", None) is None:
                _go_anew(opened.__dict__)
                log_in(opened, partial(known_keys, opened))
    except KubepeerError as error:
        if error.host is None:
            error.host = name
        raise
    except napalm_error("ModuleImportError") as error:
        raise CommandError(
            f"no NAPALM driver for platform {host.platform!r}: {error}", host=name, cure="pip install the driver"
        ) from error
    except Exception as error:
        raise explain(host, error) from error
    if plugin == "netmiko":
        # netmiko says goodbye with `exit` to a shell that nobody used, and bash writes it into the user's history
        opened.cleanup = _say_nothing
    return opened


def known_keys(opening: BaseConnection, file: str) -> Iterator[tuple[str, paramiko.PKey]]:
    """What a known_hosts file has of the host of a connection, as paramiko looks it up."""
    return read_known_hosts(Path(file)).of(name_of(opening.host, int(opening.port or SSH_PORT)))


def forget(nornir: Nornir, name: str, plugin: str) -> None:
    """Close the connection of a host, where it has one: it is lost, or of no use; the next one that asks opens another."""
    with _OPENING[name]:
        opened = nornir.inventory.hosts[name].connections.pop(plugin, None)
    if opened is not None:
        with suppress(Exception):  # of every kind: the libraries below the drivers have their own
            opened.close()


def _go_anew(arguments: dict[str, Any]) -> None:
    """A new way through a jump host: a connection that was closed stays closed."""
    if isinstance(sock := arguments.get("sock"), Connection):
        arguments["sock"] = sock.again()


def _say_nothing(_goodbye: str = "") -> None:
    """The connection is closed without a word."""


def answers(host: Host) -> bool:
    """Whether a new connection to the host's SSH server comes to its greeting (RFC 4253, 4.2); the open one proves nothing of the kind.

    A host whose driver speaks HTTPS is asked for a connection there.
    """
    extras = host.get_connection_parameters("napalm").extras or {}
    by_https = extras.get("optional_args", {}).get("transport") == "https"
    port = extras.get("optional_args", {}).get("port") or HTTPS_PORT if by_https else host.port or SSH_PORT
    patience = max(GREETING_SECONDS, float(_ssh_arguments(host).get("conn_timeout", 0)))
    try:
        fresh = way_to(host).open(str(host.hostname), port, patience)
        try:
            fresh.settimeout(patience)
            return by_https or bool(fresh.recv(4) == b"SSH-")
        finally:
            fresh.close()
    except (OSError, paramiko.SSHException, KubepeerError):
        return False


def _ssh_arguments(host: Host) -> dict[str, Any]:
    return host.get_connection_parameters("netmiko").extras or {}


def explain(host: Host, error: Exception) -> UnreachableError:
    """What a failed connection means, and the cure."""
    port, arguments = host.port or SSH_PORT, _ssh_arguments(host)
    address, chain = shown(str(host.hostname), port), list(_chain(error))
    known_hosts = arguments.get("alt_key_file", "known_hosts")
    text = " ".join(str(link) for link in chain)
    if any(isinstance(link, paramiko.BadHostKeyException) for link in chain):
        found = changed_key(address, str(host.hostname), port, known_hosts)
        return UnreachableError(found.message, host=host.name, cure=found.cure)
    if "not found in known_hosts" in text:
        message = f"no host key is known for {address}, and it gave none"
        return UnreachableError(
            message, host=host.name, cure="is it up? With host_keys: strict, add its key to known_hosts"
        )
    if slow := _too_slow(text, chain, arguments):
        message, cure = slow
        return UnreachableError(f"{address} {message}", host=host.name, cure=cure)
    if any(isinstance(link, NetmikoAuthenticationException) or is_refusal(link) for link in chain):
        return LoginRefusedError(
            f"{address} refused the login of {host.username}",
            host=host.name,
            cure="check username and key_file in the defaults file; a host that knows only a password: runbooks/bootstrap.py",
        )
    if any(_is_refusal(link) for link in chain):
        return UnreachableError(
            f"{address} refuses connections: no sshd listens there", host=host.name, cure="start it, or say its port"
        )
    reasons = [str(link) for link in chain if isinstance(link, OSError)] or [str(chain[0])]
    last = " ".join(reasons[-1].split()) or type(error).__name__
    return UnreachableError(
        f"{address} does not answer: {last[:200]}", host=host.name, cure="is it up, and is this the right network?"
    )


def _too_slow(text: str, chain: list[BaseException], arguments: dict[str, Any]) -> tuple[str, str] | None:
    """Which of its times a host has exceeded, and the cure; paramiko knows its own by their words alone."""

    def within(key: str) -> str:
        return f"within {arguments.get(key, 0):g} s ({key})"

    cure = "is it up, and is this the right network? A slow one needs a longer {} (docs/inventory.md)"
    if "SSH protocol banner" in text:
        said = f"took the connection and sent no SSH greeting {within('banner_timeout')}"
        return said, "is it sshd that listens there? " + cure.format("banner_timeout")
    if "No existing session" in text:
        return f"did not agree on keys {within('conn_timeout')}", cure.format("conn_timeout")
    if "Authentication timeout" in text:
        return f"did not answer the login {within('auth_timeout')}", cure.format("auth_timeout")
    if any(isinstance(link, TimeoutError) for link in chain):
        return f"does not answer: no TCP connection {within('conn_timeout')}", cure.format("conn_timeout")
    return None


def _is_refusal(error: BaseException) -> bool:
    below = error.errors.values() if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError) else (error,)
    return all(isinstance(one, OSError) and one.errno == errno.ECONNREFUSED for one in below)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
