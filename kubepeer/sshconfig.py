"""What the user's ssh_config(5) says of a host: where it is, and the way there."""

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko

from kubepeer.errors import UsageError

DEEPEST = 16  # READCONF_MAX_DEPTH of OpenSSH: files that include each other
INCLUDE = re.compile(r"\s*include(?:\s+|\s*=\s*)(.+)", re.IGNORECASE)
BLOCK = re.compile(r"\s*(?:host|match)(?:\s|=)", re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """What is said of a host; None and empty where nothing is."""

    hostname: str
    port: int | None = None
    user: str | None = None
    key_files: tuple[Path, ...] = ()
    proxy_jump: str | None = None
    proxy_command: str | None = None
    connect_seconds: int | None = None


class SshConfig:
    """A file of ssh_config(5), read once."""

    def __init__(self, path: Path | None) -> None:
        """Read the file, and those that it includes; without one nothing is said of any host.

        Raises:
            UsageError: it cannot be read, or is not understood.

        """
        self._path = path
        self._config: paramiko.SSHConfig | None = None
        if path is None:
            return
        try:
            self._config = paramiko.SSHConfig.from_text("\n".join(lines(path)))
        except OSError as error:
            raise UsageError(f"{error.filename or path}: {error.strerror}. Nothing was contacted.") from error
        except (paramiko.SSHException, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: {error}. Nothing was contacted.") from error

    def of(self, host: str) -> Said:
        """What is said of a host by the name that somebody would call `ssh` with.

        Raises:
            UsageError: a value, or a condition of Match, is not understood.

        """
        if self._config is None:
            return Said(host)
        try:
            found = self._config.lookup(host)
            return Said(
                hostname=found["hostname"],
                port=int(found["port"]) if "port" in found else None,
                user=found.get("user"),
                key_files=tuple(path for named in found.get("identityfile", ()) if (path := Path(named)).is_file()),
                proxy_jump=_unless_none(found.get("proxyjump")),
                proxy_command=_unless_none(found.get("proxycommand")),
                connect_seconds=int(found["connecttimeout"]) if "connecttimeout" in found else None,
            )
        except (paramiko.SSHException, ValueError, ImportError) as error:
            raise UsageError(f"{self._path}: {host}: {error}. Nothing was contacted.") from error


def lines(path: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a file with those of all that it includes in their places: paramiko leaves Include out.

    What follows an Include is of the block that it stands in, whatever blocks the included file has begun.
    """
    block = "Host *"
    for line in path.read_text(encoding="utf-8").splitlines():
        if BLOCK.match(line):
            block = line
        if not (found := INCLUDE.match(line)):
            yield line
            continue
        for named in found[1].split():
            place = Path("~/.ssh").expanduser() / Path(named.strip('"')).expanduser()
            for included in sorted(glob.glob(str(place))) if depth < DEEPEST else ():  # noqa: PTH207  an absolute pattern
                yield from lines(Path(included), depth + 1)
                yield block


def _unless_none(value: str | None) -> str | None:
    return None if value is None or value.lower() == "none" else value
