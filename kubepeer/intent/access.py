"""How a host is reached and entered, and what bootstrap.py leaves there. Pure."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from kubepeer.secret import SecretSource


class Access(BaseModel):
    """The section access of a host, a group, or of all: the nearest counts as a whole.

    Attributes:
        proxy_jump: jump hosts as ssh_config(5) has them: [user@]host[:port], several with commas.
        sudo_password: source of what sudo is given where it asks the login user for a password.
        first_user: who can log in with a password, for bootstrap.py; the login user himself where none is said.
        first_password: source of his password; bootstrap.py asks for it where none is said.
        sudo_without_password: bootstrap.py allows the login user sudo without a password.
        password_login: `off`: bootstrap.py ends log-in with a password where the key has let in.
        keys_among_nodes: bootstrap.py gives root of each node a key, and ~/.ssh/config for all others.

    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    proxy_jump: str | None = None
    sudo_password: SecretSource | None = None
    first_user: str | None = None
    first_password: SecretSource | None = None
    sudo_without_password: bool = False
    password_login: Literal["off", "kept"] = "kept"  # noqa: S105  off: bootstrap.py ends it when the key has let in
    keys_among_nodes: bool = False
