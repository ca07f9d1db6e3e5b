"""known_hosts, read once for all connections of a run: paramiko reads the whole file for each, and compares every line with all before.

What a line means is paramiko's to say; here is only an index of it. The file is read again where it is another by now.
"""

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import paramiko
from paramiko.hostkeys import HostKeyEntry

HASHED = "|1|"  # sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: such a name tells only whether it is that of a given host


class KnownHosts:
    """The keys of a file by the names of their hosts.

    Raises:
        paramiko.hostkeys.InvalidHostKey: a line is damaged.

    """

    def __init__(self, path: Path) -> None:
        self._by_name: dict[str, list[tuple[int, HostKeyEntry]]] = {}
        self._hashed: list[tuple[int, HostKeyEntry]] = []
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if entry := _entry(line.strip(), number):
                    self._take(number, entry)

    def _take(self, number: int, entry: HostKeyEntry) -> None:
        for name in dict.fromkeys(entry.hostnames):
            self._by_name.setdefault(name, []).append((number, entry))
        if any(name.startswith(HASHED) for name in entry.hostnames):
            self._hashed.append((number, entry))

    def of(self, name: str) -> Iterator[tuple[str, paramiko.PKey]]:
        """The host's name with each of its keys, in the file's order; of several keys of a kind the first one counts."""
        lines = dict(self._by_name.get(name, ()))
        lines |= {number: entry for number, entry in self._hashed if _is_hashed_in(name, entry)}
        keys: dict[str, paramiko.PKey] = {}
        for _, entry in sorted(lines.items(), key=lambda line: line[0]):
            keys.setdefault(entry.key.get_name(), entry.key)
        yield from ((name, key) for key in keys.values())

    def knows(self, name: str) -> bool:
        """Whether a host has a key in it."""
        return any(self.of(name))


def _is_hashed_in(name: str, entry: HostKeyEntry) -> bool:
    hashed = [one for one in entry.hostnames if one.startswith(HASHED)]
    return any(paramiko.HostKeys.hash_host(name, one) == one for one in hashed)


def _entry(line: str, number: int) -> HostKeyEntry | None:
    """A line as paramiko reads it; None: a comment, or of a kind that it does not know."""
    if not line or line.startswith("#"):
        return None
    try:
        return HostKeyEntry.from_line(line, number)
    except paramiko.SSHException:
        return None


_State = tuple[int, ...]
_READ: dict[Path, tuple[_State, KnownHosts]] = {}
_READING = Lock()


def read_known_hosts(path: Path) -> KnownHosts:
    """What the file says now; it is read once, and again where it was replaced, or something was added to it."""
    with _READING:
        state = _state(path)
        if path not in _READ or _READ[path][0] != state:
            _READ[path] = state, KnownHosts(path)
        return _READ[path][1]


def _state(path: Path) -> _State:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
