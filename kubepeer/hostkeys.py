"""The project's own known_hosts. Connections are strict; this alone adds to the file, under a lock, before anything connects."""

import base64
import fcntl
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko

from kubepeer.errors import KubepeerError, UsageError
from kubepeer.known_hosts import KnownHosts, read_known_hosts
from kubepeer.way import DIRECT, Way, name_of, shown

CONNECT_SECONDS = 5
AT_A_TIME = 32


@dataclass(frozen=True)
class Target:
    """A host whose key is wanted, and the way to it."""

    host: str
    port: int
    way: Way = DIRECT
    seconds: float = CONNECT_SECONDS

    @property
    def name(self) -> str:
        """Its name in known_hosts."""
        return name_of(self.host, self.port)


@dataclass(frozen=True)
class Offer:
    """A host's key, which it has offered and which is not known yet."""

    target: Target
    key: paramiko.PKey

    def __str__(self) -> str:
        """The host's address and its key, for a person."""
        return f"{shown(self.target.host, self.target.port)} {fingerprint(self.key)}"


def fingerprint(key: paramiko.PKey) -> str:
    """Bits, SHA-256 in base64 without padding, and the kind of a key, as `ssh-keygen -l` shows them (and ssh, when it asks)."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    kind = key.get_name().removeprefix("ssh-").partition("-")[0].upper()
    return f"{key.get_bits()} SHA256:{digest} ({kind})"


def learn_new_hosts(known_hosts: Path, targets: Iterable[Target]) -> list[str]:
    """Accept the keys of hosts that are not in the file yet; a host that is there keeps its key, whatever it says today.

    A host that does not answer is left out: connecting to it later tells why.

    Args:
        known_hosts: the file; it and its folder are made if need be.
        targets: all that may be connected to.

    Returns:
        The names of the hosts that were added.

    """
    return accept(known_hosts, offers(known_hosts, targets))


def offers(known_hosts: Path, targets: Iterable[Target]) -> list[Offer]:
    """What the hosts that are not in the file yet offer, in their order; who does not answer is left out."""
    with _locked(known_hosts) as keys:
        unknown = [target for target in dict.fromkeys(targets) if not keys.knows(target.name)]
    if not unknown:
        return []
    with ThreadPoolExecutor(min(AT_A_TIME, len(unknown))) as pool:
        offered = list(pool.map(_offered_key, unknown))
    return [Offer(target, key) for target, key in zip(unknown, offered, strict=True) if key is not None]


def accept(known_hosts: Path, offered: Iterable[Offer]) -> list[str]:
    """Add the keys of hosts that are still not in the file; gives the names of the hosts that were added."""
    wanted = {offer.target.name: offer for offer in offered}
    if not wanted:
        return []
    with _locked(known_hosts) as keys:
        new = [offer for name, offer in wanted.items() if not keys.knows(name)]
        _append(known_hosts, [f"{offer.target.name} {offer.key.get_name()} {offer.key.get_base64()}" for offer in new])
    return [offer.target.host for offer in new]


def _append(known_hosts: Path, lines: list[str]) -> None:
    """Add lines; what stands there stays, comments and keys of other kinds among it."""
    stands = known_hosts.read_text(encoding="utf-8")
    begin = "" if stands.endswith("\n") or not stands else "\n"
    with known_hosts.open("a", encoding="utf-8") as file:
        file.write(begin + "".join(f"{line}\n" for line in lines) if lines else "")


@contextmanager
def _locked(known_hosts: Path) -> Iterator[KnownHosts]:
    try:
        known_hosts.parent.mkdir(parents=True, exist_ok=True)
        known_hosts.touch(mode=0o600)
        with known_hosts.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield read_known_hosts(known_hosts)
    except paramiko.hostkeys.InvalidHostKey as error:
        raise UsageError(
            f"{known_hosts}: a damaged line: {error.line.strip()[:60]}. Nothing was contacted.", cure="remove that line"
        ) from error
    except OSError as error:
        raise UsageError(f"{known_hosts}: {error.strerror}. Nothing was contacted.") from error


def _offered_key(target: Target) -> paramiko.PKey | None:
    try:
        opened = target.way.open(target.host, target.port, target.seconds)
        try:
            transport = paramiko.Transport(opened)
            try:
                transport.start_client(timeout=target.seconds)
                return transport.get_remote_server_key()
            finally:
                transport.close()
        finally:
            opened.close()
    except (OSError, paramiko.SSHException, EOFError, KubepeerError):
        return None
