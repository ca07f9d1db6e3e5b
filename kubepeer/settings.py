"""config.yaml: Nornir's own file, with Kubepeer's settings under user_defined."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError

from kubepeer.errors import UsageError
from kubepeer.given import Given
from kubepeer.intent.values import NOT_SHOWN
from kubepeer.safe_yaml import SafeLoader
from kubepeer.sources.options import Source
from kubepeer.workers.options import RunnerOptions, Workers, workers_of

NO_FILE = "hosts.yaml"  # that there is none of where the hosts stand in a source of truth


class UserDefined(BaseModel):
    """The section user_defined of config.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str | None = None
    host_keys: Literal["strict", "accept-new"] = "accept-new"
    known_hosts: str = "var/known_hosts"
    state: str = "var"


class _Section(BaseModel):
    """A section of Nornir's own: what we read of it, with its types; Nornir reads the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _InventoryOptions(_Section):
    host_file: str = "inventory/hosts.yaml"
    group_file: str = "inventory/groups.yaml"
    defaults_file: str = "inventory/defaults.yaml"


class _Inventory(_Section):
    plugin: Literal["SimpleInventory", "NetBox", "Nautobot"] = "SimpleInventory"
    options: _InventoryOptions = _InventoryOptions()


class _Runner(_Section):
    plugin: Literal["threaded", "dask"] = "threaded"
    options: RunnerOptions = RunnerOptions()


class _Sections(_Section):
    """config.yaml without its inventory."""

    runner: _Runner = _Runner()
    core: dict[str, Any] = Field(default_factory=dict)
    ssh: dict[str, Any] = Field(default_factory=dict)
    logging: dict[str, Any] = Field(default_factory=dict)
    user_defined: UserDefined = UserDefined()


class _Document(_Sections):
    """config.yaml as a whole."""

    inventory: _Inventory = _Inventory()


class _WithSource(_Sections):
    """The same where the inventory is a source of truth."""

    inventory: Source


class Settings(BaseModel):
    """Where everything is: all paths absolute, taken from the folder of config.yaml and never from the working directory.

    Attributes:
        workers: those that phases of many nodes run on; None: in the threads of the run itself.

    """

    model_config = ConfigDict(frozen=True)

    config_file: Path
    folder: Path
    host_file: Path
    group_file: Path
    defaults_file: Path
    namespace: str | None
    host_keys: Literal["strict", "accept-new"]
    known_hosts: Path
    state: Path
    num_workers: int | None = None
    source: Source | None = None
    given: SkipValidation[Given | None] = None  # of the source, when it was asked: kubepeer/sources/gather.py
    workers: Workers | None = None

    def shown(self, path: Path) -> str:
        """A path as a person knows it: from the folder of config.yaml where it lies there."""
        return str(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)


class _Loader(SafeLoader):
    """YAML 1.2, 3.2.1.3: keys are unique. PyYAML takes the last of two, and a host would be gone without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  PyYAML's own
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} stands there twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path, shown: str) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        UsageError: it is not there, is no YAML (with the line), or is not a mapping.

    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  a safe loader, below
    except OSError as error:
        raise UsageError(f"{shown}: {error.strerror}. Nothing was contacted.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown}: not UTF-8: {error.reason}. Nothing was contacted.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        said = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{shown}:{where} {said}. Nothing was contacted.") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{shown}: a mapping is expected at the top. Nothing was contacted.")
    return document


def read_settings(config_file: Path) -> Settings:
    """Read config.yaml.

    Raises:
        UsageError: the file, a key or a value is wrong.

    """
    config_file = config_file.expanduser().absolute()
    document = read_yaml(config_file, config_file.name)
    folder = config_file.parent
    said = {key: value for key, value in document.items() if value is not None}
    try:
        read = _model_of(said).model_validate(said)
    except ValidationError as error:
        raise UsageError(f"{config_file.name}: {_first(error)}. Nothing was contacted.") from error
    options, ours = read.inventory.options, read.user_defined
    return Settings(
        config_file=config_file,
        folder=folder,
        host_file=_place(folder, getattr(options, "host_file", NO_FILE)),
        group_file=_place(folder, options.group_file),
        defaults_file=_place(folder, options.defaults_file),
        namespace=ours.namespace,
        host_keys=ours.host_keys,
        known_hosts=_place(folder, ours.known_hosts),
        state=_place(folder, ours.state),
        num_workers=read.runner.options.num_workers,
        source=read.inventory if isinstance(read.inventory, Source) else None,
        workers=workers_of(read.runner.plugin, read.runner.options, config_file.name),
    )


def _model_of(document: dict[str, Any]) -> type[_Document | _WithSource]:
    inventory = document.get("inventory")
    named = isinstance(inventory, dict) and inventory.get("plugin") in get_args(
        Source.model_fields["plugin"].annotation
    )
    return _WithSource if named else _Document


def _first(error: ValidationError) -> str:
    """The first complaint: its key, and what is wrong in the words of a person."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if not str(part).startswith("<"))
    said = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        said = "unknown key"
    elif first["type"] == "missing":
        said = "is missing"
    elif first["type"] != NOT_SHOWN and first["type"] != "value_error":
        said = f"{said} (found {first['input']!r})"
    return f"{key}: {said}"


def _place(folder: Path, named: str) -> Path:
    return folder / Path(named).expanduser()
