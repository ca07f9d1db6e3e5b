"""What a node is given that neither the inventory nor the node itself holds: texts that were fetched, secrets that were read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Given:
    """Read once a run, by tasks.py.

    Attributes:
        keyrings: path on the node -> text of a key that repositories are signed with.
        certificates: registry -> certificate of its mirror's CA, in PEM.
        passwords: registry -> password of the login at its mirror.
        proxy_password: of the login at the proxies, "" for none.
        names: the lines of /etc/hosts, the same on all nodes; None: nobody has rendered them yet.

    """

    keyrings: Mapping[str, str] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict, repr=False)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy_password: str = field(default="", repr=False)
    names: tuple[str, ...] | None = None
