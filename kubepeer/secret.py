"""Secrets never stand in the inventory: it names where they come from, and they are hidden by value in everything that is printed."""

import html
import json
import os
import shlex
import stat
import subprocess
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from kubepeer.errors import InventoryError

IN_ATTRIBUTES = str.maketrans({'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#09;"})  # as xml.etree writes them
KEY_BYTES = 80  # TCP-MD5: TCP_MD5SIG_MAXKEYLEN of linux/tcp.h; Calico's documentation of BGPPeer says the same
COMMAND_SECONDS = 20  # a password manager that waits for a person must not hang the run for ever


class SecretSource(BaseModel):
    """Where a secret comes from: exactly one of an environment variable, a file with mode 0600, a command (pass, sops, vault).

    Attributes:
        env: the name of an environment variable.
        file: a file with mode 0600; taken from the folder of config.yaml.
        command: a program and its arguments, which prints the secret.

    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = None
    file: str | None = None
    command: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "SecretSource":
        if sum(source is not None for source in (self.env, self.file, self.command)) != 1:
            raise ValueError("names exactly one of env, file, command")
        return self

    def read(self, purpose: str, folder: Path) -> str:
        """Read the secret.

        Args:
            purpose: what it is for; stands in the error.
            folder: relative file names are taken from here (the folder of config.yaml).

        Raises:
            InventoryError: it is not there, others can read the file, or it is more than one line.

        """
        value = self._value(purpose, folder)
        if not value.isprintable():  # a second line would be a statement of its own in a configuration
            raise InventoryError(f"{purpose} is not one line of printable signs", cure="choose another")
        return value

    def _value(self, purpose: str, folder: Path) -> str:
        if self.env is not None:
            if not (value := os.environ.get(self.env, "")):
                raise InventoryError(
                    f"{purpose}: environment variable {self.env} is not set", cure=f"export {self.env}=..."
                )
            return value
        if self.file is not None:
            return read_private(folder / Path(self.file).expanduser(), purpose)
        return _from_command(str(self.command), purpose)


def read_private(path: Path, purpose: str) -> str:
    """The text of a file that its owner alone can read.

    Raises:
        InventoryError: it is not there, is empty, or others can read it.

    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InventoryError(f"{purpose}: {path}: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InventoryError(f"{purpose}: {path} can be read by others", cure=f"chmod 600 {path}")
    if not text.strip():
        raise InventoryError(f"{purpose}: {path} is empty")
    return text.strip()


def _from_command(command: str, purpose: str) -> str:
    try:
        program = shlex.split(command)
    except ValueError as error:
        raise InventoryError(f"{purpose}: command {command!r}: {error}") from error
    if not program:
        raise InventoryError(f"{purpose}: command is empty")
    try:
        done = subprocess.run(program, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InventoryError(f"{purpose}: command {program[0]!r} failed: {error}") from error
    if done.returncode or not done.stdout.strip():
        said = done.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise InventoryError(f"{purpose}: command {program[0]!r} gave no secret (exit {done.returncode}): {said[0]}")
    return done.stdout.strip()


def bgp_password(source: SecretSource, folder: Path) -> str:
    """The password of every session, as both of its ends can hold it.

    Calico writes it between quotation marks into bird.cfg. With one in it BIRD refuses the file: the old one stays, a new node's BIRD
    never starts, and nothing in the API tells. Routers with a command line take one word, and call a line with more an unknown command. So
    both are refused for all, whatever the routers at hand could do with it.

    Raises:
        InventoryError: it cannot be read, has a quotation mark or a blank, or is longer than a key of TCP-MD5.

    """
    password = source.read("the BGP password", folder)
    if '"' in password:
        raise InventoryError(
            "the BGP password (cluster.bgp.password) has a quotation mark: Calico's BIRD cannot read it",
            cure="choose another",
        )
    if " " in password:
        raise InventoryError(
            "the BGP password (cluster.bgp.password) has a blank: not every router takes more than one word",
            cure="choose another",
        )
    if (length := len(password.encode())) > KEY_BYTES:
        raise InventoryError(
            f"the BGP password (cluster.bgp.password) has {length} bytes: a TCP-MD5 key has at most {KEY_BYTES}",
            cure="choose a shorter one",
        )
    return password


class Redactor:
    """Hides known secret values wherever they turn up in a text."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def learn(self, value: str) -> str:
        """Remember a secret value, and give it back."""
        if value:
            self._values.add(value)
        return value

    def hide(self, text: str) -> str:
        """The text with every known secret replaced, also where JSON, XML or HTML has written it in its own way."""
        forms = {form for value in self._values for form in _forms(value)}
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, "********")
        return text


def _forms(value: str) -> set[str]:
    in_json = {json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    in_text = html.escape(value, quote=False)
    in_markup = {html.escape(value), in_text, in_text.translate(IN_ATTRIBUTES)}
    in_markup.add(html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"))  # as Jinja2 writes them
    return {value} | in_json | in_markup
