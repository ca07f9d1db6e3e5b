"""Every inventory that the checkout has, and layouts that only tests have."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from kubepeer.settings import Settings, read_settings
from tests.conftest import CHECKOUT, DEFAULTS, FILES, LOADER

EVERYTHING: dict[str, Any] = yaml.load(
    (CHECKOUT / "tests/unit/explained/everything.yaml").read_text(encoding="utf-8"),
    Loader=LOADER,  # noqa: S506  a safe loader, by libyaml
)
NODES = [name for name in yaml.load((CHECKOUT / FILES["hosts"]).read_text(), Loader=LOADER) if name.startswith("k8s-")]  # noqa: S506
ADOPTED: dict[str, Any] = {  # docs/adopt.md
    "hosts": dict.fromkeys(NODES),
    "groups": {"fabric": {"data": {"cluster": {"kubeconfig": "theirs", "endpoint": None, "domain": None}}}},
    "defaults_file": {"data": {"software": None, "packages": None, "manifests": None}},
}


def everywhere() -> Iterator[Any]:
    """The settings of each inventory: the shipped ones, the examples, and those that adopt.py writes."""
    shipped = read_settings(CHECKOUT / "config.yaml")
    for name, defaults in DEFAULTS.items():
        files = {"host_file": FILES["hosts"], "group_file": FILES["groups"], "defaults_file": defaults}
        yield pytest.param(_with(shipped, files), id=name)
    for config in sorted((CHECKOUT / "examples").glob("*/config.yaml")):
        yield pytest.param(read_settings(config), id=config.parent.name)
    racks = {f"{kind}_file": f"examples/two-racks/{KINDS[kind]}.yaml" for kind in ("host", "group")}
    yield pytest.param(_with(shipped, racks | {"defaults_file": DEFAULTS["today"]}), id="two-racks")
    for hosts in sorted((CHECKOUT / "tests/unit/adopt/written").glob("*/hosts.yaml")):
        folder = hosts.parent.relative_to(CHECKOUT)
        files = {f"{kind}_file": f"{folder}/{name}.yaml" for kind, name in KINDS.items()}
        yield pytest.param(_with(shipped, files), id=hosts.parent.name)


KINDS = {"host": "hosts", "group": "groups", "defaults": "defaults"}


def _with(settings: Settings, files: dict[str, str]) -> Settings:
    return settings.model_copy(update={key: CHECKOUT / name for key, name in files.items()})
