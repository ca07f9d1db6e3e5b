"""Shell text: values and files that reach the router as they are, whatever stands in them."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping
from typing import Final

_PIECE: Final = 1024
"""Bytes for one ``printf``: a line that is easy on every shell."""
_PLAIN: Final = frozenset(range(0x20, 0x7F)) - frozenset(b"'\\%")


def assignments(values: Mapping[str, str]) -> str:
    """Write the assignments that set variables to these values."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def functions(files: Mapping[str, str | bytes]) -> str:
    """Write one function for each file, which prints its content: text ends with a newline, bytes are exact."""
    return "".join(f"{name}() {{\n    {_printing(content)}}}\n" for name, content in files.items())


def document(text: str) -> str:
    """Write a here-document; its end is random, so that no content can be taken for it."""
    end = f"END_{secrets.token_hex(12)}"
    return f"<<'{end}'\n{_whole(text)}{end}\n"


def _whole(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _printing(content: str | bytes) -> str:
    """Choose how it is printed: a here-document costs nothing, and holds what is text of whole lines."""
    if isinstance(content, str):
        content = _whole(content).encode()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _printf(content)
    return _printf(content) if "\0" in text or _whole(text) != text else f"cat {document(text)}"


def _printf(content: bytes) -> str:
    """Print any bytes with what is built into every shell: no base64, no od, no file transfer."""
    pieces = (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))
    return "".join(f"printf '{_escaped(piece)}'\n" for piece in pieces)


def _escaped(piece: bytes) -> str:
    """Write the format; its first byte is always a number, for a format that began with a dash were an option."""
    return "".join(chr(byte) if byte in _PLAIN and at else f"\\{byte:03o}" for at, byte in enumerate(piece))
