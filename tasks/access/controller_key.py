"""The public half of the key that the runbooks log in with."""

import base64
import binascii
from functools import partial
from pathlib import Path

import paramiko
from nornir.core.inventory import Host

from kubepeer.errors import InventoryError
from kubepeer.memory import Memory
from kubepeer.run import Run

PUBLIC_KEY = Memory[str]("the public half of the key that the runbooks log in with")


def public_key(host: Host, run: Run) -> str:
    """The public half of the key that the runbooks log in with: of KEY.pub, or derived from the key itself.

    Raises:
        InventoryError: no key is named, or KEY.pub is another's.

    """
    named = (host.get_connection_parameters("netmiko").extras or {}).get("key_file")
    if not named:
        raise InventoryError(
            "no key_file is named: the runbooks log in with a key",
            host=host.name,
            cure="connection_options.netmiko.extras.key_file of the host, a group or the defaults",
        )
    return run.once(PUBLIC_KEY, partial(public_half, Path(named)), of=named)


def public_half(path: Path) -> str:
    """Of KEY.pub, or derived from KEY.

    Raises:
        InventoryError: KEY.pub is none, or another's; or there is none, and none can be derived.

    """
    derived = None
    try:
        key = paramiko.PKey.from_path(path)
        derived = f"{key.get_name()} {key.get_base64()}"
    except (paramiko.SSHException, ValueError, TypeError, OSError):
        pass  # under a passphrase, or of a kind that paramiko does not know: the file beside it counts
    beside = path.with_name(f"{path.name}.pub")
    if beside.is_file():
        words = beside.read_text(encoding="utf-8").split()
        try:
            base64.b64decode(words[1], validate=True)
        except (IndexError, binascii.Error) as error:
            raise InventoryError(f"{beside} is no public key", cure=f"ssh-keygen -y -f {path} > {beside}") from error
        if derived and derived.split()[1] != words[1]:
            raise InventoryError(f"{beside} is not of the key beside it", cure=f"ssh-keygen -y -f {path} > {beside}")
        return " ".join(words)
    if derived is None:
        raise InventoryError(f"{path}: its public half is not there", cure=f"ssh-keygen -y -f {path} > {beside}")
    return f"{derived} kubepeer"
