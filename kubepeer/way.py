"""The way of an SSH connection to a host: directly, by a command (ProxyCommand), or through jump hosts (kubepeer.jump)."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import paramiko
from nornir.core.inventory import Host

from kubepeer.errors import UnreachableError

SSH_PORT = 22


class Way(Protocol):
    """How a TCP connection, or what stands for one, comes to be."""

    def open(self, host: str, port: int, seconds: float) -> Any:
        """What reads and writes as a socket does."""


def name_of(host: str, port: int) -> str:
    """A host's name in known_hosts: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


def shown(host: str, port: int) -> str:
    """An address for a person; one of IPv6 in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Direct:
    """No jump host."""

    def open(self, host: str, port: int, seconds: float) -> socket.socket:
        """A TCP connection that sends each packet at once: to a jump host, where many small ones of others come together."""
        opened = socket.create_connection((host, port), timeout=seconds)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened


DIRECT = Direct()


@dataclass(frozen=True)
class ByCommand:
    """A command whose input and output are the connection."""

    command: str

    def open(self, host: str, port: int, seconds: float) -> paramiko.ProxyCommand:  # noqa: ARG002  the command knows where
        """The command, started."""
        try:
            return paramiko.ProxyCommand(self.command)
        except (OSError, ValueError) as error:
            raise UnreachableError(
                f"ProxyCommand {self.command.split(maxsplit=1)[0]!r}: {error}", cure="correct it in ssh_config"
            ) from error


class Connection:
    """What netmiko and paramiko take for a socket: opened over a way when it is first used; what is closed stays closed."""

    def __init__(self, way: Way, host: str, port: int, seconds: float) -> None:
        self.way = way
        self._where = (host, port, seconds)
        self._opened: Any = None
        self._closed = False  # paramiko asks sockets for it under this name when the process ends

    def again(self) -> "Connection":
        """A new one to the same host."""
        return Connection(self.way, *self._where)

    def settimeout(self, seconds: float | None) -> None:
        """As a socket's; a transport begins with it."""
        if self._opened is None:
            self._opened = self.way.open(*self._where)
        self._opened.settimeout(seconds)

    def send(self, data: bytes) -> int:
        """As a socket's."""
        sent: int = self._opened.send(data)
        return sent

    def recv(self, size: int) -> bytes:
        """As a socket's."""
        received: bytes = self._opened.recv(size)
        return received

    def close(self) -> None:
        """As a socket's; what was never used was never opened."""
        self._closed = True
        if self._opened is not None:
            self._opened.close()


def way_to(host: Host) -> Way:
    """The way that a host's SSH goes."""
    sock = (host.get_connection_parameters("netmiko").extras or {}).get("sock")
    return sock.way if isinstance(sock, Connection) else DIRECT


def changed_key(where: str, host: str, port: int, known_hosts: Path | str) -> UnreachableError:
    """The error of a host that has another key than the known one."""
    name = name_of(host, port)
    quoted = f"'{name}'" if "[" in name else name
    return UnreachableError(
        f"the host key of {where} is not the known one: another machine, or an attacker in between",
        cure=f"if the machine was rebuilt, remove its line from known_hosts (ssh-keygen -R {quoted} -f {known_hosts})",
    )


def is_refusal(error: BaseException) -> bool:
    """Whether the server has refused the login.

    paramiko tries a key file as one of each kind in turn, and tells the last failure: of a refused RSA or ECDSA key it says
    that it is none of Ed25519.
    """
    said = str(error)
    return isinstance(error, paramiko.AuthenticationException) or (
        isinstance(error, paramiko.SSHException) and ("key, expected" in said or said == "Invalid key")
    )
