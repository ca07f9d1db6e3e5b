"""The project's own known_hosts. Connections are strict; this alone adds to the file, under a lock, before anything connects."""

import fcntl
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import paramiko

from kubepeer.errors import UsageError

CONNECT_SECONDS = 5
SSH_PORT = 22


def learn_new_hosts(known_hosts: Path, addresses: Iterable[tuple[str, int]]) -> list[str]:
    """Accept the keys of hosts that are not in the file yet; a host that is there keeps its key, whatever it says today.

    A host that does not answer is left out: connecting to it later tells why.

    Args:
        known_hosts: the file; it and its folder are made if need be.
        addresses: host and port of all that may be connected to.

    Returns:
        The names of the hosts that were added.

    """
    with _locked(known_hosts) as keys:
        unknown = [(host, port) for host, port in addresses if keys.lookup(_name(host, port)) is None]
        if not unknown:
            return []
        with ThreadPoolExecutor(min(32, len(unknown))) as pool:
            offered = list(pool.map(_offered_key, unknown))
        new = [(host, port, key) for (host, port), key in zip(unknown, offered, strict=True) if key is not None]
        _append(known_hosts, [f"{_name(host, port)} {key.get_name()} {key.get_base64()}" for host, port, key in new])
        return [host for host, _, _ in new]


def _append(known_hosts: Path, lines: list[str]) -> None:
    """Add lines; what stands there stays, comments and keys of other kinds among it."""
    stands = known_hosts.read_text(encoding="utf-8")
    begin = "" if stands.endswith("\n") or not stands else "\n"
    with known_hosts.open("a", encoding="utf-8") as file:
        file.write(begin + "".join(f"{line}\n" for line in lines) if lines else "")


@contextmanager
def _locked(known_hosts: Path) -> Iterator[paramiko.HostKeys]:
    try:
        known_hosts.parent.mkdir(parents=True, exist_ok=True)
        known_hosts.touch(mode=0o600)
        with known_hosts.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield paramiko.HostKeys(str(known_hosts))
    except paramiko.hostkeys.InvalidHostKey as error:
        raise UsageError(
            f"{known_hosts}: a damaged line: {error.line.strip()[:60]}. Nothing was contacted.", cure="remove that line"
        ) from error
    except OSError as error:
        raise UsageError(f"{known_hosts}: {error.strerror}. Nothing was contacted.") from error


def _name(host: str, port: int) -> str:
    """A host's name in known_hosts: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


def _offered_key(address: tuple[str, int]) -> paramiko.PKey | None:
    try:
        with socket.create_connection(address, timeout=CONNECT_SECONDS) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.start_client(timeout=CONNECT_SECONDS)
                return transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, paramiko.SSHException, EOFError):
        return None
