"""Commands on a Linux machine, over the connection of nornir-netmiko: the only place that knows how.

Netmiko's own channel is an interactive shell without exit codes. Its SSH transport carries exec channels as well: an exit code, a standard
input and a separate standard error each. Scripts travel on standard input, so that no argument of theirs is seen in the process list.
"""

import select
import shlex
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import paramiko
from napalm_unix_router.sudo import Gate, SudoRefusedError, pass_gate
from nornir.core import Nornir

from kubepeer.errors import CommandError, UnreachableError
from tasks.linux.connect import connection

CHUNK = 65536
NO_EXIT_CODE = -1  # paramiko's, of a command that has told none: it was killed, or its connection is gone
# tcp(7): what is sent, a keepalive of SSH at least, must be acknowledged within this time. Without it the kernel tries for a quarter of an
# hour, and a machine that loses its power in the middle of an installation keeps the run waiting until the installation's own deadline.
SILENCE_SECONDS = 30
SUDO_CURE = (
    "name the password's source in access.sudo_password, allow the login user sudo without one, or log in as root"
)
WINDOW_SECONDS = 0.01  # until it is looked again whether a command has read what was sent: paramiko tells nobody


class DeadlineError(CommandError):
    """A command has not ended in time.

    Attributes:
        seconds: that it was given.

    """

    def __init__(self, message: str, *, host: str, seconds: float) -> None:
        super().__init__(message, host=host)
        self.seconds = seconds


@dataclass(frozen=True)
class Completed:
    """A command that has ended."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")

    @property
    def said(self) -> str:
        """The last line of what was said on standard error, or else on standard output: usually the cause.

        systemctl's last line only says where the cause can be read.
        """
        for stream in (self.stderr, self.stdout):
            said = stream.decode(errors="replace").splitlines()
            lines = [line for line in said if line.strip() and not line.startswith('See "systemctl status')]
            if lines:
                return lines[-1].strip()
        return "it said nothing"


class Shell(Protocol):
    """What a plan is applied through."""

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        """Run a POSIX shell script as root and wait for its end; the exit code is the caller's to judge."""

    def check(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        """As run, but a failure raises CommandError."""


class SshShell:
    """A root shell on one host, by exec channels of an open SSH transport."""

    def __init__(self, host: str, transport: paramiko.Transport, *, sudo: bool, password: str = "") -> None:
        self.host = host
        self._transport = transport
        self._sudo = sudo
        self._password = password if sudo else ""

    def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        """Run a POSIX shell script as root.

        Args:
            script: the script. Without stdin it travels on standard input; with stdin it is an argument and must hold no secret.
            stdin: bytes for the script to read.
            deadline: seconds until it is given up.

        Raises:
            UnreachableError: the connection is gone.
            DeadlineError: the deadline has passed.

        """
        program = "sh -s" if stdin is None else f"sh -c {shlex.quote(script)}"
        ends = time.monotonic() + deadline
        try:
            channel = self._transport.open_session(timeout=deadline)
            said = self._start(channel, program, ends)
            completed = None
            if said is not None:
                completed = _converse(channel, script.encode() if stdin is None else stdin, ends, said)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost(error) from error
        if completed is not None and completed.code == NO_EXIT_CODE and not self._transport.is_active():
            raise UnreachableError(
                "the SSH connection was lost in the middle of a command",
                host=self.host,
                cure="run again when it answers",
            )
        if completed is None:
            first = script.strip().splitlines()[0]
            raise DeadlineError(f"no end after {deadline:.0f} s: {first}", host=self.host, seconds=deadline)
        if self._sudo and not self._password and _sudo_refused(completed):
            raise self._refused(completed.said)
        return completed

    def begin(self, script: str, *, deadline: float = 30) -> tuple[str, paramiko.Channel]:
        """Begin a script that stays, and give its first line; it goes on for as long as the channel is open, and reads what is sent there.

        Args:
            script: the script; it is an argument and must hold no secret.
            deadline: seconds until its first line must have come.

        Raises:
            UnreachableError: the connection is gone, or no line came.

        """
        channel = self.start(script, deadline=deadline)
        try:
            return channel.makefile("r").readline(), channel
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost(error) from error

    def start(self, script: str, *, deadline: float = 30) -> paramiko.Channel:
        """Start a script whose streams are the caller's: more than memory should hold goes through them.

        Args:
            script: the script; it is an argument and must hold no secret.
            deadline: seconds until it has begun; later the same for each piece that comes or goes.

        Raises:
            UnreachableError: the connection is gone.

        """
        try:
            channel = self._transport.open_session(timeout=deadline)
            channel.settimeout(deadline)
            if self._start(channel, f"sh -c {shlex.quote(script)}", time.monotonic() + deadline) is None:
                raise TimeoutError("sudo has not answered")
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost(error) from error
        return channel

    def lost(self, error: Exception) -> UnreachableError:
        """What is said of a connection that has ended in the middle of something."""
        cure = "run again when it answers"
        return UnreachableError(f"the SSH connection was lost: {error}", host=self.host, cure=cure)

    def _start(self, channel: paramiko.Channel, program: str, ends: float) -> bytes | None:
        """Start a program as root; what it has said on standard error by the time that it reads. None: not in time."""
        if not self._password:
            channel.exec_command(f"sudo -n {program}" if self._sudo else program)
            return b""
        gate = Gate.new()
        channel.exec_command(gate.command(program))
        try:
            return pass_gate(channel, gate, self._password, ends)
        except TimeoutError:
            channel.close()
            return None
        except SudoRefusedError as error:
            channel.close()
            raise self._refused(str(error)) from error

    def _refused(self, said: str) -> CommandError:
        return CommandError(f"sudo refused: {said}", host=self.host, cure=SUDO_CURE)

    def check(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
        """As run, but an exit code other than 0 raises CommandError with what the command said."""
        completed = self.run(script, stdin=stdin, deadline=deadline)
        if completed.code:
            first = script.strip().splitlines()[0]
            raise CommandError(f"exit {completed.code}: {first}: {completed.said}", host=self.host)
        return completed


def _sudo_refused(completed: Completed) -> bool:
    """Sudo itself has ended it, or there is none (exit code 127: POSIX, Shell Command Language, 2.8.2)."""
    none = completed.code == 127 and b"sudo" in completed.stderr  # noqa: PLR2004
    return none or (completed.code == 1 and completed.stderr.startswith(b"sudo:"))


def _converse(channel: paramiko.Channel, stdin: bytes, ends: float, said: bytes) -> Completed | None:
    """Feed and drain a channel until its command ends; None when its time is over first.

    Args:
        channel: on which the command was started.
        stdin: what it reads.
        ends: until when, by the monotonic clock.
        said: what it has said on standard error already.

    """
    stdout, stderr, rest, arrivals = bytearray(), bytearray(said), stdin, select.poll()
    with channel:
        arrivals.register(channel.fileno(), select.POLLIN)  # either stream, or their end
        while not (channel.exit_status_ready() and channel.eof_received) and not channel.closed:
            if (left := ends - time.monotonic()) < 0:
                return None
            if rest and channel.send_ready():
                rest = rest[channel.send(rest[:CHUNK]) :]
            elif not rest and not channel.eof_sent:
                channel.shutdown_write()
            elif not _drain(channel, stdout, stderr):
                seconds = min(left, WINDOW_SECONDS) if rest else left
                if channel.eof_received:
                    channel.status_event.wait(seconds)
                else:
                    arrivals.poll(1000 * seconds)
        _drain(channel, stdout, stderr)
        return Completed(channel.recv_exit_status(), bytes(stdout), bytes(stderr))


def _drain(channel: paramiko.Channel, stdout: bytearray, stderr: bytearray) -> bool:
    """Take all that has arrived; whether there was anything."""
    before = len(stdout) + len(stderr)
    while channel.recv_ready():
        stdout += channel.recv(CHUNK)
    while channel.recv_stderr_ready():
        stderr += channel.recv_stderr(CHUNK)
    return len(stdout) + len(stderr) > before


def open_shell(nornir: Nornir, name: str) -> SshShell:
    """The root shell of a host; the connection is opened the first time and kept for the whole run."""
    opened = connection(nornir, name, "netmiko")
    transport = opened.remote_conn_pre.get_transport()
    if isinstance(transport.sock, socket.socket):
        with suppress(OSError):  # it is closed already: the first command says so
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * SILENCE_SECONDS)
    return SshShell(name, transport, sudo=nornir.inventory.hosts[name].username != "root", password=opened.secret)
