"""Commands on the router: exec channels of one SSH connection that netmiko opened and authenticated.

Nothing but a POSIX shell is asked of the router: no SFTP, no base64, no python.
"""

from __future__ import annotations

import secrets
import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import paramiko
from napalm.base.exceptions import (
    CommandErrorException,
    CommandTimeoutException,
    ConnectAuthError,
    ConnectionClosedException,
    ConnectionException,
    ConnectTimeoutError,
)
from netmiko import ConnectHandler, NetmikoAuthenticationException, NetmikoTimeoutException

from napalm_unix_router.login import log_in
from napalm_unix_router.sudo import Gate, SudoRefusedError, pass_gate

_AS_ROOT = 'if [ "$(id -u)" = 0 ]; then exec sh -s; else exec sudo -n sh -s; fi'
_AS_SELF = "exec sh -s"
_SUDO_CURE = "Log in as root, allow this user to run sh by sudo without a password, or give the password (secret)"
_CHUNK = 65536


@dataclass(frozen=True)
class Output:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Everything the router said, for a person to read."""
        return "\n".join(part for part in (self.out.strip(), self.err.strip()) if part)


class Router(Protocol):
    """What the driver needs of a router; recorded output stands in for it in tests."""

    def run(self, script: str, timeout: float | None = None) -> Output:
        """Run a shell script, as root."""

    def read(self, commands: Sequence[str]) -> list[Output]:
        """Run shell commands one after the other, in one round trip."""

    def is_alive(self) -> bool:
        """Tell whether commands can be run."""

    def close(self) -> None:
        """Leave."""


class SSHRouter:
    """A router behind SSH."""

    def __init__(self, host: str, arguments: dict[str, Any], timeout: float, *, sudo: bool, preamble: str = "") -> None:
        """Connect; netmiko knows the arguments and checks the host key. The preamble stands before every script.

        The argument ``secret`` is the password that sudo is given where it asks for one.
        """
        self._host = host
        self._timeout = timeout
        self._secret = str(arguments.get("secret") or "") if sudo else ""
        self._shell = _AS_ROOT if sudo else _AS_SELF
        self._preamble = preamble
        try:
            self._connection = ConnectHandler(device_type="linux", host=host, auto_connect=False, **arguments)
            log_in(self._connection)
        except NetmikoAuthenticationException as error:
            user = arguments.get("username")
            raise ConnectAuthError(f"{host}: SSH login as {user} refused: {_first(error)}") from error
        except NetmikoTimeoutException as error:
            raise _unreachable(host, arguments, error) from error
        except (paramiko.SSHException, OSError, ValueError) as error:
            raise ConnectionException(f"{host}: no SSH connection: {_first(error)}") from error

    def run(self, script: str, timeout: float | None = None) -> Output:
        """Feed a script to a shell; nothing of it is on a command line of the router."""
        deadline = time.monotonic() + (timeout or self._timeout)
        try:
            channel = self._transport().open_session(timeout=self._timeout)
            said = self._start(channel, deadline)
            return self._converse(channel, f"{self._preamble}{script}".encode(), deadline, said)
        except SudoRefusedError as error:
            raise CommandErrorException(f"{self._host}: sudo refused: {error}. {_SUDO_CURE}") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise ConnectionClosedException(f"{self._host}: the SSH connection broke: {_first(error)}") from error

    def read(self, commands: Sequence[str]) -> list[Output]:
        """Run commands in one exec, told apart by a mark that no output can contain."""
        mark = secrets.token_hex(12)
        script = "".join(f"{command}\nprintf '\\n{mark} %d\\n' $?\nprintf '\\n{mark}\\n' >&2\n" for command in commands)
        output = self.run(script)
        outs, errs = output.out.split(f"\n{mark} "), output.err.split(f"\n{mark}\n")
        if len(outs) != len(commands) + 1:
            raise CommandErrorException(self._refusal(output))
        codes = [int(part.partition("\n")[0]) for part in outs[1:]]
        texts = [outs[0], *(part.partition("\n")[2] for part in outs[1:-1])]
        return [Output(code, text, err) for code, text, err in zip(codes, texts, errs, strict=False)]

    def is_alive(self) -> bool:
        """Ask for nothing, and see whether an answer comes."""
        try:
            return self.run("exit 0", timeout=min(5, self._timeout)).code == 0
        except (ConnectionException, CommandTimeoutException):
            return False

    def close(self) -> None:
        """Close without netmiko's `exit` to a shell that nobody used: bash would note it in its history."""
        client = self._connection.remote_conn_pre
        if client is not None:
            client.close()

    def _transport(self) -> paramiko.Transport:
        client = self._connection.remote_conn_pre
        transport = client.get_transport() if client is not None else None
        if transport is None or not transport.is_active():
            raise ConnectionClosedException(f"{self._host}: the SSH connection is closed")
        return transport

    def _start(self, channel: paramiko.Channel, deadline: float) -> bytes:
        """Start the shell; what it has said on standard error by the time that it reads."""
        if not self._secret:
            channel.exec_command(self._shell)
            return b""
        gate = Gate.new()
        channel.exec_command(gate.command("sh -s", unless_root=True))
        try:
            return pass_gate(channel, gate, self._secret, deadline)
        except TimeoutError as error:
            raise CommandTimeoutException(f"{self._host}: {error} within the time allowed") from error
        except SudoRefusedError:
            channel.close()
            raise

    def _converse(self, channel: paramiko.Channel, stdin: bytes, deadline: float, said: bytes) -> Output:
        """Write and read at once: a long script and long output must not wait for each other."""
        out, err, sent = bytearray(), bytearray(said), 0
        channel.settimeout(1.0)
        arrivals = select.poll()  # select(2) knows no file above 1,023: one of many hosts' connections may be
        with channel:
            arrivals.register(channel.fileno(), select.POLLIN)
            while True:
                if time.monotonic() > deadline:
                    raise CommandTimeoutException(f"{self._host}: no end of the command within the time allowed")
                if sent < len(stdin) and channel.send_ready():
                    sent += channel.send(stdin[sent : sent + _CHUNK])
                    if sent == len(stdin):
                        channel.shutdown_write()
                while channel.recv_ready():
                    out += channel.recv(_CHUNK)
                while channel.recv_stderr_ready():
                    err += channel.recv_stderr(_CHUNK)
                if channel.exit_status_ready() and channel.eof_received and not channel.recv_ready():
                    err += _rest(channel)
                    code = channel.recv_exit_status()
                    return Output(code, out.decode(errors="replace"), err.decode(errors="replace"))
                if sent == len(stdin):
                    arrivals.poll(200)

    def _refusal(self, output: Output) -> str:
        if "sudo" in output.err:
            return f"{self._host}: sudo refused: {output.err.strip()}. {_SUDO_CURE}"
        return f"{self._host}: the shell broke off with exit code {output.code}: {output.words}"


def _rest(channel: paramiko.Channel) -> bytes:
    rest = bytearray()
    while channel.recv_stderr_ready():
        rest += channel.recv_stderr(_CHUNK)
    return bytes(rest)


def _first(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _unreachable(host: str, arguments: dict[str, Any], error: BaseException) -> ConnectionException:
    text = str(error)
    where = f"{host}: port {arguments.get('port', 22)}"
    if "not found in known_hosts" in text or "host key" in text.lower():
        return ConnectionException(f"{host}: its host key is not the known one, or not known: {_first(error)}")
    return ConnectTimeoutError(f"{where}: no SSH connection: {_first(error)}")
