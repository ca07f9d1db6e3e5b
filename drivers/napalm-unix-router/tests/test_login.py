"""A netmiko connection without its login shell, against an SSH server on the loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from netmiko import ConnectHandler, NetmikoTimeoutException

from napalm_unix_router.login import IDLE_SECONDS, log_in
from napalm_unix_router.transport import SSHRouter

PASSWORD = "not-a-secret"


class Server(paramiko.ServerInterface):
    """Accepts a login and exec requests; keeps what else was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if (username, password) == ("root", PASSWORD) else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        self.asked.append(kind)
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_: object) -> bool:
        self.asked.append("pty")
        return True

    def check_channel_shell_request(self, _channel: paramiko.Channel) -> bool:
        self.asked.append("shell")
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, _command: bytes) -> bool:
        self.asked.append("exec")
        threading.Thread(target=answer, args=(channel,), daemon=True).start()
        return True


def answer(channel: paramiko.Channel) -> None:
    """Read a script to its end, and say that it was run."""
    while channel.recv(4096):
        pass
    channel.sendall(b"done\n")
    channel.send_exit_status(0)
    channel.close()


@pytest.fixture
def served() -> Iterator[tuple[Server, int]]:
    """An SSH server for one connection, and its port."""
    server, listener = Server(), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        transport = paramiko.Transport(listener.accept()[0])
        transport.add_server_key(paramiko.ECDSAKey.generate())
        transport.start_server(threading.Event(), server)

    threading.Thread(target=serve, daemon=True).start()
    yield server, listener.getsockname()[1]
    listener.close()


def test_a_router_is_asked_for_exec_channels_alone(served: tuple[Server, int]) -> None:
    server, port = served
    router = SSHRouter("127.0.0.1", {"username": "root", "password": PASSWORD, "port": port}, 10, sudo=False)
    assert router.run("true").out == "done\n"
    assert router.is_alive()
    router.close()
    assert server.asked == ["session", "exec"] * 2


def test_packets_leave_at_once_and_netmikos_own_way_of_closing_still_closes(served: tuple[Server, int]) -> None:
    server, port = served
    connection = ConnectHandler(
        device_type="linux", host="127.0.0.1", username="root", password=PASSWORD, port=port, auto_connect=False,
        keepalive=30,
    )  # fmt: skip
    log_in(connection)
    transport = connection.remote_conn_pre.get_transport()
    assert transport.is_active()
    assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.paramiko_cleanup()
    assert not transport.is_active()
    assert server.asked == []


def test_a_connection_without_work_is_looked_at_seldom_and_closed_at_once(served: tuple[Server, int]) -> None:
    _, port = served
    router = SSHRouter("127.0.0.1", {"username": "root", "password": PASSWORD, "port": port}, 10, sudo=False)
    transport = router._transport()
    assert transport.sock.gettimeout() == IDLE_SECONDS
    assert router.run("true").out == "done\n", "an answer is read when it comes"
    began = time.monotonic()
    router.close()
    transport.join(IDLE_SECONDS)  # its reader
    assert not transport.is_alive()
    assert time.monotonic() - began < IDLE_SECONDS / 2


def test_the_keys_of_a_host_may_come_from_somebody_who_has_read_the_file(
    served: tuple[Server, int], tmp_path: Path
) -> None:
    _, port = served
    (file := tmp_path / "known_hosts").write_text("")
    asked: list[str] = []

    def other_key(path: str) -> list[tuple[str, paramiko.PKey]]:
        asked.append(path)
        return [(f"[127.0.0.1]:{port}", paramiko.ECDSAKey.generate())]

    connection = ConnectHandler(
        device_type="linux", host="127.0.0.1", username="root", password=PASSWORD, port=port, auto_connect=False,
        ssh_strict=True, alt_host_keys=True, alt_key_file=str(file),
    )  # fmt: skip
    with pytest.raises(NetmikoTimeoutException) as raised:
        log_in(connection, other_key)
    assert isinstance(raised.value.__context__, paramiko.BadHostKeyException)
    assert asked == [str(file)]
