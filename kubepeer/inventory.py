"""Nornir's inventory, with two traps closed: connection extras are merged instead of replaced, and host keys are always checked."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nornir.core import Nornir
from nornir.core.inventory import ConnectionOptions, Defaults, Group, Host, Inventory
from nornir.core.plugins.inventory import InventoryPluginRegister

from kubepeer.errors import InventoryError, UsageError
from kubepeer.given_inventory import GivenInventory
from kubepeer.intent.files import Files
from kubepeer.jump import Ways
from kubepeer.nornir_start import start_nornir
from kubepeer.settings import Settings
from kubepeer.sshconfig import SshConfig
from kubepeer.way import SSH_PORT, Connection, Direct

# Timeouts on everything, in seconds: TCP connect, SSH banner, login; then a keepalive so that a dead peer is noticed.
TIMEOUTS = {"conn_timeout": 5, "banner_timeout": 10, "auth_timeout": 10, "keepalive": 15}
NAPALM_SECONDS = 60
FILE_ARGUMENTS = {
    "main": "config_file",
    "ours": "include_file",
}  # data.configuration_files -> a NAPALM driver's optional_args


@dataclass(frozen=True)
class Login:
    """What a host's login needs that its connection_options do not hold.

    Attributes:
        proxy_jump: jump hosts as ssh -J takes them; None: what ssh_config says.
        sudo_password: what sudo is given where it asks for a password.

    """

    proxy_jump: str | None = None
    sudo_password: str | None = field(default=None, repr=False)


def _refuse_missing(host: str, path: Path) -> None:
    raise InventoryError(f"{host}: key_file: there is no file {path}. Nothing was contacted.")


def build_nornir(
    settings: Settings,
    password: str | None = None,
    *,
    logins: Mapping[str, Login] | None = None,
    missing_key: Callable[[str, Path], None] = _refuse_missing,
    leave_out: Collection[str] = (),
) -> Nornir:
    """Nornir on the project's files, wherever the working directory is.

    Args:
        settings: from config.yaml.
        password: the login password, where one is configured; keys need none.
        logins: of the hosts that need more, by name.
        missing_key: is told of a host whose key_file is not there.
        leave_out: hosts that this run has nothing to do with.

    Raises:
        UsageError: Nornir does not take a key or a value, or ssh_config is not understood.

    """
    try:
        nornir = start_nornir(
            str(settings.config_file),
            inventory=_where(settings),
            logging={"enabled": False},
            core={"raise_on_error": False},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # Nornir judges its own keys by using them
        raise UsageError(
            f"{settings.config_file.name}, or connection_options of the inventory: Nornir says {error}. Nothing was contacted."
        ) from error
    for name in leave_out:
        del nornir.inventory.hosts[name]
    of_all = settings.folder / Path(nornir.config.ssh.config_file).expanduser()
    connecting = _Connecting(settings, of_all if of_all.is_file() else None, logins or {}, missing_key)
    for host in nornir.inventory.hosts.values():
        if password is not None and host.password is None:
            host.password = password
        connecting.prepare(host, nornir.inventory)
    return nornir


def _where(settings: Settings) -> dict[str, Any]:
    """The section inventory of Nornir's configuration: files, or what a source of truth has given in their place."""
    if settings.given is None:
        files = {key: str(getattr(settings, key)) for key in ("host_file", "group_file", "defaults_file")}
        return {"plugin": "SimpleInventory", "options": files}
    read = Files(settings)
    plugin: Any = GivenInventory
    InventoryPluginRegister.register(GivenInventory.NAME, plugin)
    options = {"hosts": read.hosts, "groups": read.groups, "defaults": read.defaults}
    return {"plugin": GivenInventory.NAME, "options": options}


class _Connecting:
    """Gives each host the arguments of its connections, and the way there."""

    def __init__(
        self,
        settings: Settings,
        ssh_config: Path | None,
        logins: Mapping[str, Login],
        missing_key: Callable[[str, Path], None],
    ) -> None:
        self._settings = settings
        self._ssh_config = ssh_config  # of the hosts that name none themselves
        self._logins = logins
        self._missing_key = missing_key
        self._ways: dict[Path | None, tuple[SshConfig, Ways]] = {}

    def prepare(self, host: Host, inventory: Inventory) -> None:
        """Arguments for netmiko and NAPALM; a host key is checked, always: an inventory cannot switch it off."""
        said = _merged_extras(host, inventory, "netmiko")
        ssh = TIMEOUTS | said
        login = self._logins.get(host.name, Login())
        if login.sudo_password is not None:
            ssh["secret"] = login.sudo_password
        self._go(host, ssh, login, said)
        strict = {
            "ssh_strict": True,
            "system_host_keys": False,
            "alt_host_keys": True,
            "alt_key_file": str(self._settings.known_hosts),
        }
        ssh |= strict
        # Opened by tasks.linux.connect without netmiko's preparation of a terminal that nobody uses: its prompt takes as long as all the
        # rest. What ssh_config says stands in the arguments already, in netmiko's own reading of it some of that is lost.
        _replace(host, "netmiko", ssh | {"auto_connect": False, "ssh_config_file": None})
        if host.platform:
            napalm = _merged_extras(host, inventory, "napalm")
            if isinstance(sock := ssh.get("sock"), Connection):
                ssh["sock"] = sock.again()
            optional = ssh | napalm.get("optional_args", {}) | _configuration_files(host) | strict
            if optional.get("transport") == "https":
                optional["enforce_verification"] = True  # pyeapi takes any certificate without it
            _replace(host, "napalm", {"timeout": NAPALM_SECONDS} | napalm | {"optional_args": optional})

    def _go(self, host: Host, ssh: dict[str, Any], login: Login, said: Mapping[str, Any]) -> None:
        """Where the host is, by which key and which way: what the inventory says, and ssh_config where it says nothing."""
        config, ways = self._read(self._path(host, ssh.pop("ssh_config_file", None), "ssh_config_file"))
        known = config.of(str(host.hostname))
        host.hostname, host.port = known.hostname, host.port or known.port
        host.username = host.username or known.user
        if key_file := self._path(host, ssh.get("key_file"), "key_file"):
            ssh["key_file"] = str(key_file)
        elif known.key_files:
            ssh["key_file"] = str(known.key_files[0])
        if known.connect_seconds and "conn_timeout" not in said:
            ssh["conn_timeout"] = known.connect_seconds
        jump = login.proxy_jump or known.proxy_jump
        command = None if login.proxy_jump else known.proxy_command
        of_jump = {"allow_agent": False} | ssh
        way = ways.to(jump, command, host.username or "root", of_jump)
        if not isinstance(way, Direct):
            ssh["sock"] = Connection(way, str(host.hostname), host.port or SSH_PORT, float(ssh["conn_timeout"]))

    def _path(self, host: Host, named: str | None, key: str) -> Path | None:
        if not named:
            return None
        path = self._settings.folder / Path(named).expanduser()
        if not path.is_file():
            if key == "key_file":
                self._missing_key(host.name, path)
            else:
                raise InventoryError(f"{host.name}: {key}: there is no file {path}. Nothing was contacted.")
        return path

    def _read(self, path: Path | None) -> tuple[SshConfig, Ways]:
        path = path or self._ssh_config
        if path not in self._ways:
            config = SshConfig(path)
            self._ways[path] = (config, Ways(config, self._settings.known_hosts))
        return self._ways[path]


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
