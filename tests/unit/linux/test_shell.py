"""The root shell over a real SSH transport, to a server in this process: a script that stays, and a connection that is lost."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest

from kubepeer.errors import UnreachableError
from tasks.linux import shell as shell_module
from tasks.linux.shell import NO_EXIT_CODE, SshShell, open_shell
from tests.unit.ssh_server import close

DEADLINE = 120  # seconds; nothing here waits for it unless it fails


class Server(paramiko.ServerInterface):
    """Lets everybody in, and hands each command's channel to /bin/sh; the word `lose` is the loss of the connection."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self.transport = transport
        self.processes: list[subprocess.Popen[bytes]] = []

    def check_auth_none(self, username: str) -> int:  # noqa: ARG002  paramiko's signatures
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._serve, args=(channel, command), daemon=True).start()
        return True

    def _serve(self, channel: paramiko.Channel, command: bytes) -> None:
        given = b"" if b"sh -s" in command else None
        while given is not None and (data := channel.recv(4096)):
            given += data
        if b"lose" in (given or command):
            self.transport.close()
            return
        process = subprocess.Popen(
            ["/bin/sh", "-c", (given or command).decode()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.processes.append(process)
        if given is None:
            threading.Thread(target=self._feed, args=(channel, process), daemon=True).start()
        assert process.stdout is not None
        while line := process.stdout.readline():
            channel.sendall(line)
        if (code := process.wait()) >= 0:  # of one that was killed sshd tells no code (RFC 4254, 6.10: exit-signal)
            channel.send_exit_status(code)
        close(channel)

    def _feed(self, channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        while data := channel.recv(4096):
            process.stdin.write(data)
            process.stdin.flush()
        process.stdin.close()


@pytest.fixture
def server() -> Iterator[tuple[Server, SshShell]]:
    here, there = socket.socketpair()
    serving = paramiko.Transport(there)
    serving.add_server_key(paramiko.ECDSAKey.generate())
    made = Server(serving)
    serving.start_server(event=threading.Event(), server=made)
    client = paramiko.Transport(here)
    client.start_client(timeout=DEADLINE)
    client.auth_none("root")
    yield made, SshShell("node", client, sudo=False)
    client.close()
    serving.close()
    for process in made.processes:
        process.kill()
        process.wait(DEADLINE)


def test_a_script_stays_for_as_long_as_its_channel_is_open(server: tuple[Server, SshShell]) -> None:
    serving, shell = server
    line, channel = shell.begin("echo begun; while read -r word; do echo $word; done", deadline=DEADLINE)
    assert line == "begun\n"
    replies = channel.makefile("r")
    channel.sendall(b"one\n")
    assert replies.readline() == "one\n"
    assert shell.run("echo beside it", deadline=DEADLINE).text == "beside it\n"
    channel.close()
    (staying, _) = serving.processes
    assert staying.wait(DEADLINE) == 0


@pytest.mark.parametrize("stdin", [None, b"input"])
def test_a_connection_that_is_lost_in_a_command_is_no_failure_of_the_command(
    server: tuple[Server, SshShell], stdin: bytes | None
) -> None:
    _, shell = server
    with pytest.raises(UnreachableError, match="the SSH connection was lost"):
        shell.run("lose", stdin=stdin, deadline=DEADLINE)
    with pytest.raises(UnreachableError, match="the SSH connection was lost"):
        shell.begin("echo begun", deadline=DEADLINE)


def test_a_command_that_is_killed_is_a_failure_of_the_command(server: tuple[Server, SshShell]) -> None:
    _, shell = server
    assert shell.run("kill -KILL $$", deadline=DEADLINE).code == NO_EXIT_CODE


def test_a_connection_that_is_gone_is_told_by_the_next_command_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket is closed, and takes no option any more."""
    here, there = socket.socketpair()
    there.close()
    here.close()
    client = SimpleNamespace(sock=here, open_session=_gone, is_active=lambda: False)
    monkeypatch.setattr(
        shell_module,
        "connection",
        lambda *_: SimpleNamespace(remote_conn_pre=SimpleNamespace(get_transport=lambda: client), secret=""),
    )
    nornir: Any = SimpleNamespace(inventory=SimpleNamespace(hosts={"node": SimpleNamespace(username="root")}))
    with pytest.raises(UnreachableError, match="the SSH connection was lost: SSH session not active"):
        open_shell(nornir, "node").run("true", deadline=DEADLINE)


def _gone(**_: float) -> None:
    raise paramiko.SSHException("SSH session not active")
