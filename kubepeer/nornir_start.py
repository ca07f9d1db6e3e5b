"""Nornir as nornir.InitNornir makes it, but that a connection plugin is loaded when a host first asks for it.

InitNornir loads all that are installed; nornir-napalm's brings the libraries of every vendor, which is half of the time of a short run, and
routers that are asked through a shell do not need it.
"""

from dataclasses import dataclass
from importlib import metadata
from typing import Any

from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.plugins.connections import CONNECTIONS_PLUGIN_PATH, ConnectionPluginRegister
from nornir.core.state import GlobalState
from nornir.init_nornir import load_inventory, load_runner


@dataclass(frozen=True)
class _WhenAsked:  # noqa: PLW1641  a frozen dataclass has a hash
    """Stands where Nornir has the class of a plugin; called, as a class is, it loads that and makes one."""

    entry_point: metadata.EntryPoint

    def __call__(self) -> Any:
        return self.entry_point.load()()

    def __eq__(self, other: object) -> bool:
        """Whoever registers the class itself registers the same plugin."""
        if isinstance(other, _WhenAsked):
            return self.entry_point == other.entry_point
        return other is self.entry_point.load()


def start_nornir(config_file: str, **settings: Any) -> Nornir:
    """Nornir by its configuration.

    Args:
        config_file: its path.
        settings: what goes before it, section by section.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: Nornir does not take a key or a value.

    """
    for entry_point in metadata.entry_points(group=CONNECTIONS_PLUGIN_PATH):
        if entry_point.name not in ConnectionPluginRegister.available:
            plugin: Any = _WhenAsked(entry_point)
            ConnectionPluginRegister.register(entry_point.name, plugin)
    config = Config.from_file(config_file, **settings)
    config.logging.configure()
    return Nornir(
        inventory=load_inventory(config), runner=load_runner(config), config=config, data=GlobalState(dry_run=False)
    )
