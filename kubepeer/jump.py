"""Jump hosts (ssh -J, ProxyJump of ssh_config(5)).

One connection to a jump host serves all hosts behind it (RFC 4254, 7.2: direct-tcpip): a jump host takes ten logins at a time
(MaxStartups of sshd_config(5)) and drops others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import paramiko

from kubepeer.errors import UnreachableError, UsageError
from kubepeer.known_hosts import read_known_hosts
from kubepeer.sshconfig import SshConfig
from kubepeer.way import DIRECT, SSH_PORT, ByCommand, Way, changed_key, is_refusal, name_of, shown

REASONS = {
    1: "it does not forward (AllowTcpForwarding of its sshd_config)",
    2: "it cannot connect there",
}  # RFC 4254, 5.1


@dataclass(eq=False)
class JumpHost:
    """A host that passes connections on, itself reached over another way."""

    name: str  # as ssh_config knows it
    host: str
    port: int
    user: str
    key_file: str | None
    known_hosts: Path
    login: Mapping[str, Any]  # timeouts, allow_agent, look_for_keys
    before: Way = DIRECT
    _client: paramiko.SSHClient | None = None
    _opened: paramiko.Transport | None = None
    _lock: Lock = field(default_factory=Lock)

    def open(self, host: str, port: int, seconds: float) -> paramiko.Channel:
        """A channel that ends at the host.

        Raises:
            UnreachableError: the jump host does not let us in, or does not reach the host.

        """
        transport = self._transport()
        try:
            return transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=seconds)
        except paramiko.ChannelException as error:
            why = REASONS.get(error.code, error.text)
            raise UnreachableError(
                f"{shown(host, port)} is not reached through the jump host {self.name}: {why}",
                cure="is it up, and does the jump host know the way?",
            ) from error
        except paramiko.SSHException as error:
            raise UnreachableError(
                f"{shown(host, port)} is not reached through the jump host {self.name} within {seconds:.0f} s (conn_timeout)",
                cure="is it up, and does the jump host know the way? A slow one needs a longer conn_timeout",
            ) from error

    def _transport(self) -> paramiko.Transport:
        with self._lock:
            if self._opened is None or not self._opened.is_active():
                self._opened = self._log_in()
                self._opened.set_keepalive(int(self.login["keepalive"]))
            return self._opened

    def _log_in(self) -> paramiko.Transport:
        where, client = f"the jump host {self.name} ({shown(self.host, self.port)})", paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        seconds = float(self.login["conn_timeout"])
        try:
            for name, key in read_known_hosts(self.known_hosts).of(name_of(self.host, self.port)):
                client.get_host_keys().add(name, key.get_name(), key)
            client.connect(
                self.host,
                self.port,
                self.user,
                key_filename=self.key_file,
                allow_agent=bool(self.login["allow_agent"]),
                look_for_keys=self.key_file is None,
                timeout=seconds,
                banner_timeout=float(self.login["banner_timeout"]),
                auth_timeout=float(self.login["auth_timeout"]),
                sock=self.before.open(self.host, self.port, seconds),
            )
        except paramiko.BadHostKeyException as error:
            raise changed_key(where, self.host, self.port, self.known_hosts) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            if is_refusal(error):
                raise UnreachableError(
                    f"{where} refused the login of {self.user}", cure="check User and IdentityFile of it in ssh_config"
                ) from error
            if "not found in known_hosts" in str(error):
                raise UnreachableError(
                    f"no host key is known for {where}", cure=f"add its key to {self.known_hosts}"
                ) from error
            said = " ".join(str(error).split()) or type(error).__name__
            raise UnreachableError(f"{where} does not answer: {said[:200]}", cure="is it up?") from error
        self._client = client  # who would close it otherwise
        transport = client.get_transport()
        if transport is None:
            raise UnreachableError(f"{where} has closed the connection", cure="run again")
        return transport


def jump_hosts(way: Way) -> Iterator[JumpHost]:
    """The jump hosts of a way, the one that is reached directly first."""
    if isinstance(way, JumpHost):
        yield from jump_hosts(way.before)
        yield way


class Ways:
    """The ways of a run: who goes by the same jump host shares its connection."""

    def __init__(self, config: SshConfig, known_hosts: Path) -> None:
        self._config = config
        self._known_hosts = known_hosts
        self._made: dict[tuple[object, ...], JumpHost] = {}

    def to(
        self, jump: str | None, command: str | None, user: str, login: Mapping[str, Any], seen: tuple[str, ...] = ()
    ) -> Way:
        """The way that ProxyJump or ProxyCommand of a host say.

        Args:
            jump: jump hosts as ssh -J takes them, or None.
            command: the command, or None.
            user: who logs in where none is said.
            login: timeouts and allow_agent of the host behind, and its key_file where ssh_config names none.
            seen: the jump hosts behind, as they were named: none may stand in front of itself.

        Raises:
            UsageError: a jump host is not understood, or leads to itself.

        """
        if not jump:
            return ByCommand(command) if command else DIRECT
        way: Way = DIRECT
        for number, named in enumerate(jump.split(",")):
            of_user, host, of_port = parsed(named)
            if named in seen:
                raise UsageError(
                    f"the jump host {host} leads to itself. Nothing was contacted.", cure="correct ssh_config"
                )
            said = self._config.of(host)
            if number == 0:
                way = self.to(said.proxy_jump, said.proxy_command, user, login, (*seen, named))
            key_file = str(said.key_files[0]) if said.key_files else login.get("key_file")
            port, name = of_port or said.port or SSH_PORT, of_user or said.user or user
            key = (repr(way) if isinstance(way, ByCommand) else id(way), said.hostname, port, name, key_file)
            if key not in self._made:
                self._made[key] = JumpHost(host, said.hostname, port, name, key_file, self._known_hosts, login, way)
            way = self._made[key]
        return way


def parsed(named: str) -> tuple[str | None, str, int | None]:
    """User, host and port of [user@]host[:port] or ssh://[user@]host[:port]; an address of IPv6 in brackets before a port.

    Raises:
        UsageError: it is not of that form.

    """
    user, _, rest = named.strip().removeprefix("ssh://").rpartition("@")
    host, port = rest, ""
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        port = port.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    if not host or (port and not port.isdecimal()):
        raise UsageError(f"{named.strip()!r} is no jump host: [user@]host[:port]. Nothing was contacted.")
    return user or None, host, int(port) if port else None
