"""The entries of an inventory as Nornir has them: what stands around Kubepeer's own keys."""

from typing import Any

from kubepeer.intent.section import Section
from kubepeer.intent.values import Port


class Connection(Section):
    """What one connection plugin is told, where it is not what the entry says.

    Attributes:
        hostname: where it connects to.
        port: at which it connects.
        username: that it logs in with.
        password: stands in no inventory: keys, or a source under data.access.
        platform: as the plugin's library calls it.
        extras: further arguments; those of a host, its groups and the defaults are joined, the nearest says what a name has.

    """

    hostname: str | None = None
    port: Port | None = None
    username: str | None = None
    password: None = None
    platform: str | None = None
    extras: dict[str, Any] | None = None


class Entry(Section):
    """A host, a group, or the defaults.

    Attributes:
        hostname: where SSH goes: an address, a name, or a name of ssh_config(5).
        port: of SSH.
        username: that is logged in with.
        platform: of a router: what kind it is.
        groups: that it is in, the nearest first.
        data: Kubepeer's own keys.
        connection_options: of single connection plugins: netmiko, napalm.

    """

    hostname: str | None = None
    port: Port | None = None
    username: str | None = None
    platform: str | None = None
    groups: tuple[str, ...] | None = None
    data: dict[str, Any] | None = None
    connection_options: dict[str, Connection] | None = None
