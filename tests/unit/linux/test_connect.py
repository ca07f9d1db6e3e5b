"""Why a connection could not be opened, in one line with its cure; the exceptions are those that the libraries raise."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import paramiko
import pytest
from netmiko import ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoTimeoutException
from nornir.core import Nornir
from nornir.core.inventory import ConnectionOptions, Defaults, Host

from kubepeer.errors import UnreachableError
from tasks.linux import shell
from tasks.linux.connect import answers, connection, explain
from tasks.linux.shell import Completed

NAME = "k8s-calico-worker-10-31-90-4"


def host(address: str = "10.31.90.4", port: int | None = None) -> Host:
    times = {"conn_timeout": 5, "banner_timeout": 10, "auth_timeout": 12}
    options = {"netmiko": ConnectionOptions(extras={"alt_key_file": "var/known_hosts", **times})}
    return Host(
        name=NAME, hostname=address, port=port, username="root", connection_options=options, defaults=Defaults()
    )


def chained(*exceptions: Exception) -> Exception:
    """The last, raised from the one before it, and so on: as netmiko raises its own from paramiko's."""
    for cause, error in pairwise(exceptions):
        error.__cause__ = cause
    return exceptions[-1]


def another_key() -> paramiko.BadHostKeyException:
    known, given = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    return paramiko.BadHostKeyException("10.31.90.4", given, known)


REBUILT = "if the machine was rebuilt, remove its line from known_hosts (ssh-keygen -R 10.31.90.4 -f var/known_hosts)"
ATTACKER = "the host key of 10.31.90.4:22 is not the known one: another machine, or an attacker in between"
IS_IT_UP = "is it up, and is this the right network?"
LONGER = "A slow one needs a longer {} (docs/inventory.md)"
COMMON_CAUSES = "TCP connection to device failed.\n\nCommon causes of this problem are:\n1. Incorrect hostname"
REFUSED = "10.31.90.4:22 refused the login of root"
BY_PASSWORD = (
    "check username and key_file in the defaults file; a host that knows only a password: runbooks/bootstrap.py"
)
NO_SSHD = "10.31.90.4:22 refuses connections: no sshd listens there"
START_IT = "start it, or say its port"


def no_valid_connection(*numbers: int) -> Exception:
    """paramiko's error where no address of a host took the connection."""
    errors = {(f"10.31.90.{at}", 22): OSError(number, os.strerror(number)) for at, number in enumerate(numbers, 4)}
    return paramiko.ssh_exception.NoValidConnectionsError(errors)


TABLE = {
    "another key": (another_key(), ATTACKER, REBUILT),
    "another key below netmiko": (
        chained(another_key(), NetmikoTimeoutException("A paramiko SSHException occurred")),
        ATTACKER,
        REBUILT,
    ),
    "no known key": (
        paramiko.SSHException("Server '10.31.90.4' not found in known_hosts"),
        "no host key is known for 10.31.90.4:22, and it gave none",
        "is it up? With host_keys: strict, add its key to known_hosts",
    ),
    "refused login": (
        chained(
            paramiko.AuthenticationException("Authentication failed."),
            NetmikoAuthenticationException("Authentication to device failed.\n\nCommon causes: ..."),
        ),
        REFUSED,
        BY_PASSWORD,
    ),
    "refused login by a key of another kind": (
        chained(
            paramiko.SSHException("encountered RSA key, expected OPENSSH key"),
            NetmikoTimeoutException("A paramiko SSHException occurred"),
        ),
        REFUSED,
        BY_PASSWORD,
    ),
    "no answer": (
        chained(TimeoutError("timed out"), NetmikoTimeoutException(COMMON_CAUSES)),
        "10.31.90.4:22 does not answer: no TCP connection within 5 s (conn_timeout)",
        f"{IS_IT_UP} {LONGER.format('conn_timeout')}",
    ),
    "no greeting": (
        paramiko.SSHException("Error reading SSH protocol banner"),
        "10.31.90.4:22 took the connection and sent no SSH greeting within 10 s (banner_timeout)",
        f"is it sshd that listens there? {IS_IT_UP} {LONGER.format('banner_timeout')}",
    ),
    "a slow exchange of keys": (
        NetmikoTimeoutException("Paramiko: 'No existing session' error: try increasing 'conn_timeout' to 15 seconds"),
        "10.31.90.4:22 did not agree on keys within 5 s (conn_timeout)",
        f"{IS_IT_UP} {LONGER.format('conn_timeout')}",
    ),
    "a slow login": (
        chained(
            paramiko.AuthenticationException("Authentication timeout."),
            NetmikoAuthenticationException("Authentication to device failed."),
        ),
        "10.31.90.4:22 did not answer the login within 12 s (auth_timeout)",
        f"{IS_IT_UP} {LONGER.format('auth_timeout')}",
    ),
    "nobody listens": (
        chained(no_valid_connection(errno.ECONNREFUSED), NetmikoTimeoutException(COMMON_CAUSES)),
        NO_SSHD,
        START_IT,
    ),
    "nobody listens, by the kernel's word": (OSError(errno.ECONNREFUSED, "Connection refused"), NO_SSHD, START_IT),
    "one address refuses and the other is away": (
        no_valid_connection(errno.ECONNREFUSED, errno.EHOSTUNREACH),
        "10.31.90.4:22 does not answer: [Errno None] Unable to connect to port 22 on 10.31.90.4 or 10.31.90.5",
        IS_IT_UP,
    ),
    "a name that nobody knows": (
        socket.gaierror(-2, "Name or service not known"),
        "10.31.90.4:22 does not answer: [Errno -2] Name or service not known",
        IS_IT_UP,
    ),
    "no route, three deep": (
        chained(OSError(113, "No route to host"), paramiko.SSHException("x"), NetmikoTimeoutException(COMMON_CAUSES)),
        "10.31.90.4:22 does not answer: [Errno 113] No route to host",
        IS_IT_UP,
    ),
    "several lines and no cause": (
        paramiko.SSHException("Incompatible ssh peer\n  (no acceptable kex algorithm)"),
        "10.31.90.4:22 does not answer: Incompatible ssh peer (no acceptable kex algorithm)",
        IS_IT_UP,
    ),
    "an exception without words": (EOFError(), "10.31.90.4:22 does not answer: EOFError", IS_IT_UP),
}


@pytest.mark.parametrize(("raised", "message", "cure"), TABLE.values(), ids=TABLE)
def test_a_failed_connection_is_one_line_with_its_cure(raised: Exception, message: str, cure: str) -> None:
    error = explain(host(), raised)
    assert isinstance(error, UnreachableError)
    assert str(error) == f"{NAME}: {message} Cure: {cure}"
    assert error.exit_code == 3


def test_an_address_with_its_own_port_is_named_with_it() -> None:
    assert explain(host(port=2222), EOFError()).message == "10.31.90.4:2222 does not answer: EOFError"


def test_an_address_of_ipv6_is_named_in_brackets_and_its_line_of_known_hosts_as_ssh_keygen_wants_it() -> None:
    assert explain(host("2001:db8::4"), EOFError()).message == "[2001:db8::4]:22 does not answer: EOFError"
    cure = explain(host("2001:db8::4", 2222), another_key()).cure
    assert cure.endswith("(ssh-keygen -R '[2001:db8::4]:2222' -f var/known_hosts)")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def test_a_port_where_nobody_listens_is_told_as_that(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(NetmikoTimeoutException) as refused:
        ConnectHandler(device_type="linux", host="127.0.0.1", port=port, username="root", conn_timeout=5)
    error = explain(host("127.0.0.1", port), refused.value)
    assert error.message == f"127.0.0.1:{port} refuses connections: no sshd listens there"
    assert not answers(host("127.0.0.1", port))


@pytest.mark.parametrize(
    ("greeting", "is_ssh"),
    [(b"SSH-2.0-OpenSSH_9.2p1\r\n", True), (b"HTTP/1.1 400 Bad Request\r\n", False), (b"", False)],
)
def test_a_host_answers_when_its_ssh_server_greets(listener: socket.socket, greeting: bytes, *, is_ssh: bool) -> None:
    def greet() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(greeting)

    with ThreadPoolExecutor() as pool:
        greeted = pool.submit(greet)
        assert answers(host("127.0.0.1", listener.getsockname()[1])) is is_ssh
        greeted.result(timeout=10)


class SlowConnection:
    """As netmiko's object: there before it is connected, and connected after a while."""

    def __init__(self) -> None:
        self.attempts = 0
        self.remote_conn_pre: str | None

    def establish_connection(self) -> None:
        self.attempts += 1
        self.remote_conn_pre = None if self.attempts == 1 else "connected"
        if self.attempts == 1:
            raise NetmikoTimeoutException("not yet")
        self.remote_conn_pre = None
        time.sleep(0.05)  # what another thread would fall into
        self.remote_conn_pre = "connected"


def test_threads_that_want_the_same_host_share_one_connection_and_a_failed_one_is_opened_anew() -> None:
    slow = SlowConnection()
    stub = SimpleNamespace(
        get_connection=lambda _plugin, _config: slow, hostname="10.31.90.4", port=None, name=NAME,
        get_connection_parameters=lambda _plugin: SimpleNamespace(extras={}),
    )  # fmt: skip
    nornir = cast("Nornir", SimpleNamespace(inventory=SimpleNamespace(hosts={NAME: stub}), config=None))
    with pytest.raises(UnreachableError, match="not yet"):
        connection(nornir, NAME, "netmiko")

    def opened(_: int) -> Any:
        return connection(nornir, NAME, "netmiko").remote_conn_pre

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == ["connected"] * 4
    assert slow.attempts == 2


@pytest.mark.parametrize(
    ("code", "said", "refused"),
    [
        (1, b"sudo: a password is required\n", True),
        (127, b"ash: sudo: not found\n", True),
        (127, b"sh: vtysh: not found\n", False),
        (1, b"grep: no such file\n", False),
    ],
)
def test_a_sudo_that_refuses_and_one_that_is_not_there_are_told_from_a_command_that_fails(
    code: int, said: bytes, *, refused: bool
) -> None:
    assert shell._sudo_refused(Completed(code, b"", said)) is refused
