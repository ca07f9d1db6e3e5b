"""What config.yaml says of workers, under runner.options."""

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from kubepeer.errors import InventoryError, UsageError
from kubepeer.secret import SecretSource

KEY_LENGTH = 32  # signs: who guesses the key may say what is done on every node
WHAT = "the key of the workers (runner.options.key)"
CURE = "see docs/scale.md, Past one machine"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tls(_Section):
    """Files of TLS, from the folder of config.yaml: both ends show a certificate that the CA has signed."""

    ca: str
    certificate: str
    key: str


class Workers(_Section):
    """Where workers are found.

    Attributes:
        address: of Dask's scheduler.
        key: the source of what all that passes through the scheduler is sealed with.
        tls: what the wire is encrypted with.

    """

    address: str
    key: SecretSource
    tls: Tls | None = None

    def secret(self, folder: Path) -> str:
        """The key, read where this process is.

        Args:
            folder: relative file names are taken from here.

        Raises:
            InventoryError: it cannot be read, or could be guessed.

        """
        secret = self.key.read(WHAT, folder)
        if len(secret) < KEY_LENGTH:
            raise InventoryError(
                f"{WHAT} has {len(secret)} signs of {KEY_LENGTH} at least", cure="openssl rand -hex 32"
            )
        return secret


class RunnerOptions(_Section):
    """The options of a runner; all but num_workers are the plugin dask's."""

    num_workers: int | None = Field(default=None, ge=1)
    address: str | None = None
    key: SecretSource | None = None
    tls: Tls | None = None


def workers_of(plugin: Literal["threaded", "dask"], options: RunnerOptions, file: str) -> Workers | None:
    """What the section runner says of workers; None where it names none.

    Args:
        plugin: the runner's name.
        options: its options.
        file: the name of the file that they stand in.

    Raises:
        UsageError: an option lacks or is too many; or who is on the wire could run programs as the workers.

    """
    said = {"address": options.address, "key": options.key, "tls": options.tls}
    if plugin == "threaded":
        if idle := [name for name, value in said.items() if value is not None]:
            raise _wrong(file, f"{idle[0]}: is an option of the plugin dask, and the plugin is threaded")
        return None
    if options.address is None or options.key is None:
        lacks = "address" if options.address is None else "key"
        raise _wrong(file, f"{lacks}: lacks, and the plugin is dask")
    address = urlsplit(options.address)
    if address.scheme not in ("tls", "tcp") or not address.hostname or not _port(options.address):
        raise _wrong(file, f"address: {options.address} is not of the form tls://HOST:PORT")
    if address.scheme == "tls" and options.tls is None:
        raise _wrong(file, "tls: lacks, and the address is one of tls://")
    if address.scheme == "tcp" and not _is_loopback(address.hostname):
        said_of_it = "without TLS whoever reaches a worker's port can run programs with its logins to all nodes"
        raise _wrong(file, f"address: {options.address}: {said_of_it}")
    return Workers(address=options.address, key=options.key, tls=options.tls)


def _wrong(file: str, what: str) -> UsageError:
    return UsageError(f"{file}: runner.options.{what}. Nothing was contacted.", cure=CURE)


def _port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
