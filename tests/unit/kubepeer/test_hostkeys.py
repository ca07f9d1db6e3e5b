"""The project's known_hosts, against SSH servers on the loopback."""

import base64
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from kubepeer.errors import UsageError
from kubepeer.hostkeys import Target, accept, fingerprint, learn_new_hosts, offers

Server = Callable[[paramiko.PKey], tuple[str, int]]


@pytest.fixture
def server() -> Iterator[Server]:
    """Start an SSH server with a host key; give its address."""
    listeners: list[socket.socket] = []

    def serve(listener: socket.socket, key: paramiko.PKey) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the test is over
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.start_server(threading.Event(), paramiko.ServerInterface())

    def start(key: paramiko.PKey) -> tuple[str, int]:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=serve, args=(listener, key), daemon=True).start()
        address: tuple[str, int] = listener.getsockname()[:2]
        return address

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def new_key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


def line_of(address: tuple[str, int], key: paramiko.PKey) -> str:
    return f"[{address[0]}]:{address[1]} {key.get_name()} {key.get_base64()}\n"


def test_a_new_hosts_key_is_added_to_a_file_that_only_its_owner_may_change(server: Server, folder: Path) -> None:
    key = new_key()
    address = server(key)
    known_hosts = folder / "var" / "known_hosts"
    assert learn_new_hosts(known_hosts, [Target(*address)]) == ["127.0.0.1"]
    assert known_hosts.read_text() == line_of(address, key)
    assert known_hosts.stat().st_mode & 0o777 == 0o600


def test_a_changed_key_is_not_replaced(server: Server, folder: Path) -> None:
    known_hosts = folder / "known_hosts"
    address = server(new_key())
    known_hosts.write_text(stands := line_of(address, new_key()))
    assert learn_new_hosts(known_hosts, [Target(*address)]) == []
    assert known_hosts.read_text() == stands


def test_a_host_that_is_known_is_not_even_asked(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        (folder / "known_hosts").write_text(line_of(address, new_key()))
        learn_new_hosts(folder / "known_hosts", [Target(*address)])
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_host_that_does_not_answer_is_left_out_and_the_others_are_learnt(server: Server, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        silent = closed.getsockname()
    key = new_key()
    address = server(key)
    assert learn_new_hosts(folder / "known_hosts", [Target(*silent), Target(*address)]) == ["127.0.0.1"]
    assert (folder / "known_hosts").read_text() == line_of(address, key)


def test_a_host_that_speaks_no_ssh_is_left_out(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 smtp.example ESMTP\r\n" * 200)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        assert learn_new_hosts(folder / "known_hosts", [Target(*listener.getsockname())]) == []
        thread.join(10)
    assert (folder / "known_hosts").read_text() == ""


STANDS = [
    pytest.param("# our own comment\n", id="comment"),
    pytest.param("10.31.90.1 sk-ssh-ed25519@openssh.com AAAAGnNr\n", id="kind_of_key_that_paramiko_does_not_know"),
    pytest.param("# no newline at the end", id="no_newline_at_the_end"),
]


@pytest.mark.parametrize("stands", STANDS)
def test_what_stands_in_the_file_stays(server: Server, folder: Path, stands: str) -> None:
    key = new_key()
    address = server(key)
    (folder / "known_hosts").write_text(stands)
    learn_new_hosts(folder / "known_hosts", [Target(*address)])
    assert (folder / "known_hosts").read_text().splitlines() == [*stands.splitlines(), line_of(address, key).strip()]


def test_two_runs_at_the_same_time_lose_no_key(server: Server, folder: Path) -> None:
    addresses = [server(new_key()) for _ in range(6)]
    halves = (addresses[:4], addresses[2:])
    runs = [
        threading.Thread(target=learn_new_hosts, args=(folder / "known_hosts", [Target(*one) for one in half]))
        for half in halves
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(20)
    names = [line.split()[0] for line in (folder / "known_hosts").read_text().splitlines()]
    assert sorted(names) == sorted(f"[{host}]:{port}" for host, port in addresses)


def test_the_name_is_the_one_that_openssh_looks_for(server: Server, folder: Path) -> None:
    address = server(new_key())
    learn_new_hosts(folder / "known_hosts", [Target(*address)])
    found = subprocess.run(
        ["ssh-keygen", "-F", f"[{address[0]}]:{address[1]}", "-f", folder / "known_hosts"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0
    assert "found: line 1" in found.stdout


def test_a_damaged_line_is_named(folder: Path) -> None:
    (folder / "known_hosts").write_text("10.31.90.1 ssh-ed25519 AAAAC3Nza!\n")
    with pytest.raises(
        UsageError, match=r"known_hosts: a damaged line: 10\.31\.90\.1 ssh-ed25519.* Cure: remove that line$"
    ):
        learn_new_hosts(folder / "known_hosts", [])


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(UsageError, match=r"file/known_hosts: (Not a directory|File exists)\. Nothing was contacted\.$"):
        learn_new_hosts(folder / "file" / "known_hosts", [])


def test_a_key_that_nobody_has_accepted_is_offered_again_and_one_that_was_is_not(server: Server, folder: Path) -> None:
    known_hosts, key, other = folder / "known_hosts", new_key(), new_key()
    address, beside = server(key), server(other)
    targets = [Target(*address), Target(*beside)]
    assert [offer.key for offer in offers(known_hosts, targets)] == [key, other]
    assert known_hosts.read_text() == ""
    first, second = offers(known_hosts, targets)
    assert str(first) == f"127.0.0.1:{address[1]} {fingerprint(key)}"
    assert accept(known_hosts, [first, first]) == ["127.0.0.1"]
    assert accept(known_hosts, [first]) == []
    assert [offer.key for offer in offers(known_hosts, targets)] == [other]
    assert known_hosts.read_text() == line_of(address, key)
    assert second.target.name == f"[127.0.0.1]:{beside[1]}"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_fingerprint_is_what_ssh_keygen_shows(folder: Path, kind: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", folder / "key"], check=True)
    kind_of_key, encoded = (folder / "key.pub").read_text().split()[:2]
    shown = subprocess.run(
        ["ssh-keygen", "-lf", folder / "key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()
    key = paramiko.PKey.from_type_string(kind_of_key, base64.b64decode(encoded))
    assert fingerprint(key).split() == [shown[0], shown[1], shown[-1]]
