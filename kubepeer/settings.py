"""config.yaml: Nornir's own file, with Kubepeer's settings under user_defined."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from kubepeer.errors import UsageError


class UserDefined(BaseModel):
    """The section user_defined of config.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str | None = None
    host_keys: Literal["strict", "accept-new"] = "accept-new"
    known_hosts: str = "var/known_hosts"
    state: str = "var"


class Settings(BaseModel):
    """Where everything is: all paths absolute, taken from the folder of config.yaml and never from the working directory."""

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
    num_workers: int = 20


class _Loader(yaml.SafeLoader):
    """YAML 1.2, 3.2.1.3: keys are unique. PyYAML takes the last of two, and a host would be gone without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002  PyYAML's own
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands there twice", key.start_mark)
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
    try:
        ours = UserDefined.model_validate(document.get("user_defined") or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{config_file.name}: user_defined.{key}: {first['msg']}. Nothing was contacted.") from error
    options = (document.get("inventory") or {}).get("options") or {}
    runner = (document.get("runner") or {}).get("options") or {}
    return Settings(
        config_file=config_file,
        folder=folder,
        host_file=folder / options.get("host_file", "inventory/hosts.yaml"),
        group_file=folder / options.get("group_file", "inventory/groups.yaml"),
        defaults_file=folder / options.get("defaults_file", "inventory/defaults.yaml"),
        namespace=ours.namespace,
        host_keys=ours.host_keys,
        known_hosts=folder / ours.known_hosts,
        state=folder / ours.state,
        num_workers=int(runner.get("num_workers", 20)),
    )
