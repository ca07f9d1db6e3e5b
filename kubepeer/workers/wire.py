"""What passes through Dask's scheduler: pickled, read again by a list of types alone, and sealed with a key that it does not have.

AES-256-GCM (RFC 5116), a random nonce for each message; what a message is about is authenticated with it, so that no message passes for
another one.
"""

import dataclasses
import datetime as dt
import enum
import io
import ipaddress
import os
import pathlib
import pickle
import zlib
from traceback import format_exception
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel

from kubepeer.errors import KubepeerError

NONCE_BYTES = 12
PURPOSE = b"kubepeer workers 1"
FAST = 1  # zlib's level: hosts' files are alike, and shrink to a fifth by it
OURS = ("kubepeer.", "tasks.")
OTHERS = frozenset(
    {
        *(getattr(ipaddress, name) for name in ("IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network")),
        *(ipaddress.IPv4Interface, ipaddress.IPv6Interface),
        *(dt.datetime, dt.date, dt.time, dt.timedelta, dt.timezone),
        *(pathlib.PosixPath, pathlib.PurePosixPath),
    }
)


class OtherKeyError(Exception):
    """A message was sealed with another key, is about something else, or was changed on its way."""


class NoSuchTypeError(Exception):
    """A message holds what must not travel."""


class Seal:
    """Seals and opens messages.

    Attributes:
        closed, opened: bytes of all messages that it has sealed, and of those that it has opened.

    """

    def __init__(self, secret: str) -> None:
        self.closed = self.opened = 0
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
        self._cipher = AESGCM(key)

    def close(self, message: Any, about: str) -> bytes:
        """A message as it travels; about: what only who knows it can open it with."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, zlib.compress(written(message), FAST), about.encode())
        self.closed += len(sealed)
        return sealed

    def open(self, sealed: bytes, about: str) -> Any:
        """The message again.

        Raises:
            OtherKeyError: it is no such message.
            NoSuchTypeError: it holds what is not in the list.

        """
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise OtherKeyError(about) from error
        self.opened += len(sealed)
        return read(zlib.decompress(plain))


def written(message: Any) -> bytes:
    """A message as bytes.

    Raises:
        NoSuchTypeError: a part of it cannot be pickled.

    """
    into = io.BytesIO()
    try:
        _Writer(into, protocol=5).dump(message)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise NoSuchTypeError(str(error)) from error
    return into.getvalue()


def read(data: bytes) -> Any:
    """What `written` has made bytes of.

    Raises:
        NoSuchTypeError: it names what is not in the list.

    """
    return _Reader(io.BytesIO(data)).load()


class _Writer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, KubepeerError):
            return _error, (type(value), value.args, vars(value))
        if isinstance(value, BaseException):
            return _foreign, (type(value).__name__, str(value), "".join(format_exception(value)))
        return NotImplemented


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if _may_be_looked_for(module) else None
        if found in (_error, _foreign) or (isinstance(found, type) and (found in OTHERS or _is_ours(found))):
            return found
        raise NoSuchTypeError(f"{module}.{name}")


def _may_be_looked_for(module: str) -> bool:
    """Whether to look there may import something: of others, only what is loaded already."""
    return module.startswith(OURS) or module in {one.__module__ for one in OTHERS}


def _is_ours(found: type) -> bool:
    if not found.__module__.startswith(OURS):
        return False
    return dataclasses.is_dataclass(found) or issubclass(found, enum.Enum | BaseModel | KubepeerError)


def _error(kind: type[KubepeerError], arguments: tuple[Any, ...], state: dict[str, Any]) -> KubepeerError:
    """An error of ours as it was, whatever its __init__ takes."""
    made = kind.__new__(kind, *arguments)
    vars(made).update(state)
    return made


def _foreign(name: str, said: str, trace: str) -> Exception:
    """An error of somebody else's library: its name, what it says, and where it came from."""
    made: Exception = type(name, (Exception,), {})(said)
    made.add_note(f"on a worker: {trace}")
    return made
