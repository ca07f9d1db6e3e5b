"""Nornir's inventory, with two traps closed: connection extras are merged instead of replaced, and host keys are always checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.inventory import ConnectionOptions, Defaults, Group, Host, Inventory

from kubepeer.errors import InventoryError, UsageError
from kubepeer.settings import Settings

# Timeouts on everything, in seconds: TCP connect, SSH banner, login; then a keepalive so that a dead peer is noticed.
TIMEOUTS = {"conn_timeout": 5, "banner_timeout": 10, "auth_timeout": 10, "keepalive": 15}
PATH_KEYS = ("key_file", "ssh_config_file")
NAPALM_SECONDS = 60
FILE_ARGUMENTS = {
    "main": "config_file",
    "ours": "include_file",
}  # data.configuration_files -> a NAPALM driver's optional_args


def build_nornir(settings: Settings, password: str | None = None) -> Nornir:
    """Nornir on the project's files, wherever the working directory is.

    Args:
        settings: from config.yaml.
        password: the login password, where one is configured; keys need none.

    Raises:
        UsageError: Nornir does not take a key or a value.

    """
    try:
        nornir = InitNornir(
            config_file=str(settings.config_file),
            inventory={
                "plugin": "SimpleInventory",
                "options": {
                    "host_file": str(settings.host_file),
                    "group_file": str(settings.group_file),
                    "defaults_file": str(settings.defaults_file),
                },
            },
            logging={"enabled": False},
            core={"raise_on_error": False},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # Nornir judges its own keys by using them
        raise UsageError(
            f"{settings.config_file.name}, or connection_options of the inventory: Nornir says {error}. Nothing was contacted."
        ) from error
    for host in nornir.inventory.hosts.values():
        _connect_strictly(host, nornir.inventory, settings, password)
    return nornir


def _connect_strictly(host: Host, inventory: Inventory, settings: Settings, password: str | None) -> None:
    if password is not None and host.password is None:
        host.password = password
    ssh = TIMEOUTS | _merged_extras(host, inventory, "netmiko")
    for key in PATH_KEYS:
        if key in ssh:
            path = settings.folder / Path(ssh[key]).expanduser()
            if not path.is_file():
                raise InventoryError(f"{host.name}: {key}: there is no file {path}. Nothing was contacted.")
            ssh[key] = str(path)
    # A host key is checked, always: an inventory cannot switch it off.
    strict = {
        "ssh_strict": True,
        "system_host_keys": False,
        "alt_host_keys": True,
        "alt_key_file": str(settings.known_hosts),
    }
    ssh |= strict
    # Opened by tasks.linux.connect without netmiko's preparation of a terminal that nobody uses: its prompt takes as long as all the rest.
    _replace(host, "netmiko", ssh | {"auto_connect": False})
    if host.platform:
        napalm = _merged_extras(host, inventory, "napalm")
        optional = ssh | napalm.get("optional_args", {}) | _configuration_files(host) | strict
        if optional.get("transport") == "https":
            optional["enforce_verification"] = True  # pyeapi takes any certificate without it
        _replace(host, "napalm", {"timeout": NAPALM_SECONDS} | napalm | {"optional_args": optional})


def _configuration_files(host: Host) -> dict[str, str]:
    """Arguments of a driver that owns a file beside the daemon's own: what preflight and the readers go by is what the driver does."""
    said = host.get("configuration_files") or {}
    return {argument: said[key] for key, argument in FILE_ARGUMENTS.items() if isinstance(said, dict) and said.get(key)}


def _replace(host: Host, connection: str, extras: dict[str, Any]) -> None:
    stands = host.get_connection_parameters(connection)
    host.connection_options[connection] = ConnectionOptions(
        hostname=stands.hostname,
        port=stands.port,
        username=stands.username,
        password=stands.password,
        platform=stands.platform,
        extras=extras,
    )


def _merged_extras(host: Host, inventory: Inventory, connection: str) -> dict[str, Any]:
    """Extras from the defaults upward, the nearest last; Nornir itself takes the nearest whole and forgets the others."""
    merged: dict[str, Any] = {}
    sources: list[Host | Group | Defaults] = [host, *_groups(host), inventory.defaults]
    for source in reversed(sources):
        options = source.connection_options.get(connection)
        merged |= (options.extras if options else None) or {}
    return merged


def _groups(entry: Host | Group) -> Iterator[Group]:
    for group in entry.groups:
        yield group
        yield from _groups(group)
