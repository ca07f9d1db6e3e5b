"""Fetch a text that the inventory names by its address: a manifest, a repository's key."""

import urllib.error
import urllib.request
from pathlib import Path

from kubepeer.errors import CommandError

FETCH_SECONDS = 20
SCHEMES = ("http://", "https://")


def fetch(address: str, folder: Path) -> str:
    """The text at an address, fetched from where the controller is; or of a file.

    Args:
        address: http or https, or a path, relative to the folder.
        folder: the folder of config.yaml.

    Raises:
        CommandError: it cannot be had.

    """
    try:
        if not address.startswith(SCHEMES):
            return (folder / address).read_text(encoding="utf-8")
        with urllib.request.urlopen(address, timeout=FETCH_SECONDS) as answer:  # noqa: S310  the scheme is checked
            return str(answer.read().decode())
    except (OSError, urllib.error.URLError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{address}: {error}", cure="is the address in the inventory right, and reachable from here?"
        ) from error
