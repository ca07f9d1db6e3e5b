"""How a host is reached and entered, and what bootstrap.py leaves there. Pure."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from kubepeer.secret import SecretSource


class Access(BaseModel):
    """The section access of a host, a group, or of all: the nearest counts as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    proxy_jump: str | None = None  # ssh_config(5): [user@]host[:port], several with commas
    sudo_password: SecretSource | None = None  # of the login user, where sudo asks for one
    first_user: str | None = None  # who can log in with a password; None: the login user himself
    first_password: SecretSource | None = None  # None: bootstrap.py asks for it
    sudo_without_password: bool = False  # bootstrap.py allows it to the login user
    password_login: Literal["off", "kept"] = "kept"  # noqa: S105  off: bootstrap.py ends it when the key has let in
    keys_among_nodes: bool = False  # root's key and ~/.ssh/config on every node for all others
