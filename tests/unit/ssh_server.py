"""SSH servers on the loopback: they check passwords and keys, run commands by the real /bin/sh, and pass connections on."""

import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import paramiko


@dataclass
class Served:
    """A server, and what was asked of it.

    Attributes:
        passwords: by user, of those that may log in with one.
        keys: by user, what he may log in with.
        environment: of the commands.
        forwards: whether connections are passed on.

    """

    key: paramiko.PKey
    address: tuple[str, int] = ("", 0)
    passwords: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Sequence[paramiko.PKey]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    forwards: bool = True
    logins: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    forwarded: list[tuple[str, int]] = field(default_factory=list)
    transports: list[paramiko.Transport] = field(default_factory=list)

    def cut(self) -> None:
        """End all connections; new ones are taken."""
        while self.transports:
            self.transports.pop().close()

    @property
    def line(self) -> str:
        """Its line of known_hosts."""
        return f"[{self.address[0]}]:{self.address[1]} {self.key.get_name()} {self.key.get_base64()}\n"


class _Answers(paramiko.ServerInterface):
    def __init__(self, served: Served, transport: paramiko.Transport) -> None:
        self._served, self._transport = served, transport

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey" if username in self._served.passwords else "publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        return self._judged(username, self._served.passwords.get(username) == password)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return self._judged(username, key in self._served.keys.get(username, ()))

    def _judged(self, username: str, right: bool) -> int:  # noqa: FBT001
        if right:
            self._served.logins.append(username)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._served.commands.append(command.decode())
        threading.Thread(target=_execute, args=(self._served, channel, command.decode()), daemon=True).start()
        return True

    def check_channel_direct_tcpip_request(
        self, chanid: int, _origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        if not self._served.forwards:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            behind = socket.create_connection(destination, timeout=5)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self._served.forwarded.append(destination)
        threading.Thread(target=_pass_on, args=(self._transport, chanid, behind), daemon=True).start()
        return paramiko.OPEN_SUCCEEDED


def _execute(served: Served, channel: paramiko.Channel, command: str) -> None:
    environment = {**os.environ, **served.environment}
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr

        def feed(stdin=process.stdin) -> None:  # type: ignore[no-untyped-def]
            try:
                while data := channel.recv(65536):
                    stdin.write(data)
                    stdin.flush()
                stdin.close()
            except OSError:
                return  # the command has ended before it had read all

        def drain(stream, send) -> None:  # type: ignore[no-untyped-def]
            with suppress(OSError, EOFError):  # who asked has gone
                while data := os.read(stream.fileno(), 65536):
                    send(data)

        threads = [
            threading.Thread(target=feed, daemon=True),
            threading.Thread(target=drain, args=(process.stdout, channel.sendall), daemon=True),
            threading.Thread(target=drain, args=(process.stderr, channel.sendall_stderr), daemon=True),
        ]
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        code = process.wait()
        with suppress(OSError, EOFError):
            channel.send_exit_status(code)
            close(channel)


def close(channel: paramiko.Channel) -> None:
    """End a command's channel when its client knows that the command has begun.

    paramiko's own thread says so after it has come back from check_channel_exec_request, where the command was started: one that ends at
    once would be closed before it. The answer to another question is read by that thread, and so after it has said it.
    """
    channel.get_transport().global_request("turn@tests", wait=True)
    channel.close()


def _pass_on(transport: paramiko.Transport, chanid: int, behind: socket.socket) -> None:
    channel = transport.accept(10)
    while channel is not None and channel.get_id() != chanid:
        channel = transport.accept(10)
    if channel is None:
        return

    def back() -> None:
        try:
            while data := behind.recv(65536):
                channel.sendall(data)
        except OSError:
            pass
        channel.close()

    threading.Thread(target=back, daemon=True).start()
    try:
        while data := channel.recv(65536):
            behind.sendall(data)
    except OSError:
        pass
    behind.close()


@contextmanager
def serving(served: Served, host: str = "127.0.0.1", seconds_late: float = 0) -> Iterator[Served]:
    """Serve until the end; `seconds_late`: how long it does not greet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    served.address = listener.getsockname()[:2]
    over = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the test is over
            if seconds_late and over.wait(seconds_late):
                connection.close()
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(served.key)
            served.transports.append(transport)
            try:
                transport.start_server(threading.Event(), _Answers(served, transport))
            except (paramiko.SSHException, EOFError):
                continue

    threading.Thread(target=serve, daemon=True).start()
    yield served
    over.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
