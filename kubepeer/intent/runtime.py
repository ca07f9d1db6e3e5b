"""Where the container runtime comes from, and where it gets images: the sections `registries` and `software.runtime_archives`."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from kubepeer.intent.section import Section
from kubepeer.intent.values import NOT_SHOWN, VersionNumber, written
from kubepeer.secret import SecretSource

RegistryName = Annotated[
    str,
    written(r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d+)?", "a registry is the first part of an image's name: NAME or NAME:PORT"),
]


def _no_login(value: str) -> str:
    if "@" in re.sub(r"^(?:[a-z]+://)?([^/]*).*", r"\1", value):
        raise PydanticCustomError(NOT_SHOWN, "an address holds no login: `login` says where it comes from")
    return value


Address = Annotated[
    str,
    AfterValidator(_no_login),
    written(
        r"https?://[^\s\"\\'<>]+", "an address begins with http:// or https://, and has no space or quotation mark"
    ),
]
Checksum = Annotated[str, written(r"[0-9a-f]{64}", "a SHA-256 has 64 digits, 0 to 9 and a to f")]


class Login(Section):
    """Who asks; the password comes from its source.

    Attributes:
        username: who asks.
        password: source of the password.

    """

    username: str
    password: SecretSource


class Mirror(Section):
    """A registry's mirror, as containerd's hosts.toml knows it.

    Attributes:
        url: where the mirror is; an address alone may stand in the place of the mapping.
        override_path: the address ends with the API's own path, and no /v2 is put behind it.
        ca: address or file, here, of the certificate of its CA; the machine's own are trusted besides.
        login: by HTTP's Basic authentication.
        skip_verify: whoever answers is believed.

    """

    url: Address
    override_path: bool = False
    ca: str | None = None
    login: Login | None = None
    skip_verify: bool = False


def _mirror(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


Registries = dict[RegistryName, Annotated[Mirror, BeforeValidator(_mirror, json_schema_input_type=Address | Mirror)]]


class Archive(Section):
    """A release of a program: the nodes fetch it, and take nothing else than what the checksum says.

    Attributes:
        version: of the program.
        url: where the nodes fetch it.
        sha256: of what they may take.

    """

    version: VersionNumber
    url: Address
    sha256: Checksum


class RuntimeArchives(Section):
    """Programs that come from their projects' archives rather than from packages, each where it is named.

    Attributes:
        containerd: in the place of the package.
        runc: in the place of the package.
        cni_plugins: in the place of the package.
        crictl: in the place of the package.

    """

    containerd: Archive | None = None
    runc: Archive | None = None
    cni_plugins: Archive | None = None
    crictl: Archive | None = None
