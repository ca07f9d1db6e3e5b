"""netmiko's SSH connection without the login shell that it starts: commands go through exec channels.

Nobody would use it, and a terminal, a shell with its profile and netmiko's wait for a prompt take longer than all
that is asked of the machine.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import paramiko
from netmiko.base_connection import BaseConnection

# How long the reader of a connection sleeps where nothing comes. paramiko's looks ten times a second whether it is to
# end, or to send a keepalive: of a thousand connections without work that is a quarter of a processor, all the time.
IDLE_SECONDS = 2
# The path of a known_hosts file -> the keys of the host that is connected to, each with the name that it is known by.
ReadKeys = Callable[[str], Iterable[tuple[str, paramiko.PKey]]]


class ExecOnlyClient(paramiko.SSHClient):
    """An SSH client whose interactive shell is a channel that is never opened, and whose packets leave at once.

    Who has read the file of known hosts already says what stands in it; paramiko reads all of it for every client.
    """

    def __init__(self, read_keys: ReadKeys | None = None) -> None:
        super().__init__()
        self._read_keys = read_keys

    def load_host_keys(self, filename: Any) -> None:
        """Load them as an SSHClient does; where others have read them, they are not written back."""
        if self._read_keys is None:
            super().load_host_keys(filename)
            return
        for name, key in self._read_keys(str(filename)):
            self.get_host_keys().add(name, key.get_name(), key)

    def connect(self, *arguments: Any, **named: Any) -> None:
        """Connect as an SSHClient does."""
        named["transport_factory"] = _transport
        super().connect(*arguments, **named)
        if (sock := self._socket()) is not None:
            sock.settimeout(IDLE_SECONDS)

    def close(self) -> None:
        """Close the connection at once: who waits at the other end need not wait until our reader looks up."""
        if (sock := self._socket()) is not None:
            with suppress(OSError):  # it is closed already
                sock.shutdown(socket.SHUT_RDWR)
        super().close()

    def _socket(self) -> socket.socket | None:
        """What it is connected by; None: it is not, or goes by a jump host or a command."""
        transport = self.get_transport()
        sock = transport.sock if transport is not None else None
        return sock if isinstance(sock, socket.socket) else None

    def invoke_shell(self, *_: Any, **__: Any) -> paramiko.Channel:
        """Give a channel that nothing is sent through; netmiko sets a timeout and keepalives by it, and closes it."""
        channel = paramiko.Channel(0)
        channel.transport = self.get_transport()
        return channel


def _transport(sock: Any, **named: Any) -> paramiko.Transport:
    """Begin SSH on a socket that sends each packet at once.

    Otherwise a packet waits until the peer acknowledges the one before (RFC 896), which it does 40 ms later where it
    has nothing to say itself (RFC 1122, 4.2.3.2): twice in a login, and once in every command with an input.
    """
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return paramiko.Transport(sock, **named)


def log_in(connection: BaseConnection, read_keys: ReadKeys | None = None) -> None:
    """Connect and authenticate a netmiko connection that was made with ``auto_connect=False``.

    ``read_keys`` stands in for paramiko's own reading of ``alt_key_file``.
    Raises what netmiko's ``establish_connection`` raises.
    """
    connection._get_ssh_client_instance = partial(ExecOnlyClient, read_keys)  # type: ignore[method-assign]
    connection.establish_connection()
