"""What all tests share: tables of cases on disk, the checkout's inventories under edit, and programs that may be absent."""

import copy
import functools
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from kubepeer import versions
from kubepeer.intent import Intent
from kubepeer.intent.load import load_intent
from kubepeer.safe_yaml import SafeLoader
from kubepeer.settings import Settings, read_settings
from tasks.platforms.platform import PLATFORMS
from tests.lab.tiers import PARTS

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULTS = {"seed": "inventory/seed.yaml", "today": "inventory/defaults.yaml", "lab": "lab/defaults.yaml"}
FILES = {"hosts": "inventory/hosts.yaml", "groups": "inventory/groups.yaml"}
LOADER = SafeLoader
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Rendered files that were meant to change are written anew, and read in the diff before they are committed."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files of tests/render anew")
    parser.addoption("--part", choices=PARTS, help="of the lab's tests only this part, which does not always run")


def pytest_configure(config: pytest.Config) -> None:
    """The marker of a table."""
    config.addinivalue_line("markers", "cases(folder): run once for each YAML file of a folder beside the test")
    config.addinivalue_line("markers", "long(part): runs by `make test-long PART=part` alone")
    config.addinivalue_line(
        "markers", "fault(name): of the catalogue of faults, of which `make test` draws six; a name joins tests"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test marked `cases("folder")` each file of that folder as its argument `case`."""
    marker = metafunc.definition.get_closest_marker("cases")
    if marker is None:
        return
    folder = metafunc.definition.path.parent / marker.args[0]
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise pytest.UsageError(f"{folder} holds no cases")
    metafunc.parametrize("case", [pytest.param(_case(file), id=file.stem) for file in files])


def _case(file: Path) -> dict[str, Any]:
    case: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  a safe loader, by libyaml
    return case


@functools.cache
def _document(path: Path) -> dict[str, Any]:
    return _case(path)


def goes_with(kubernetes: str) -> dict[str, str]:
    """The tags that kubeadm of a version names, by the table of versions."""
    row: dict[str, str] = _document(versions.DATA)["kubernetes"][versions.minor(kubernetes)]
    return row


def merged(below: Any, above: Any) -> Any:
    """A document with another laid over it; mappings are merged, `null` takes a key away."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return copy.deepcopy(above)
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def moved(document: Any, edit: Any) -> Any:
    """A defaults file whose versions an edit changes: where packages and manifests come from moves with them, as an owner would do it."""
    data = edit.get("data") if isinstance(edit, Mapping) else None
    software = data.get("software") if isinstance(data, Mapping) else None
    wanted = software if isinstance(software, Mapping) else {}
    if not wanted.keys() & {"kubernetes", "calico", "purelb"}:
        return document
    document = copy.deepcopy(document)
    data = document["data"]
    if "kubernetes" in wanted:
        minor = ".".join(str(wanted["kubernetes"]).split(".")[:2])
        packages, places = data["packages"], (r"/v\d+\.\d+/", f"/v{minor}/")
        packages["repositories"] = [re.sub(*places, line) for line in packages["repositories"]]
        packages["rpm_repositories"] = [
            {key: re.sub(*places, value) if isinstance(value, str) else value for key, value in repository.items()}
            for repository in packages["rpm_repositories"]
        ]
        packages["keyrings"] = {path: re.sub(*places, line) for path, line in packages.get("keyrings", {}).items()}
    for key, address in data["manifests"].items():
        if version := wanted.get(key if key in ("purelb", "metallb") else "calico"):
            data["manifests"][key] = re.sub(r"\d+\.\d+\.\d+", str(version), address)
    return document


Project = Callable[..., Settings]
IntentOf = Callable[..., Intent]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Make a folder with config.yaml and the inventory of this checkout, edited; give its settings.

    Keywords: defaults ("seed", "today" or "lab"), then hosts, groups, defaults_file: what is laid over each file; text: {file: raw text}.
    """

    def make(defaults: str = "seed", *, text: Mapping[str, str] | None = None, **edits: Any) -> Settings:
        files = FILES | {"defaults_file": DEFAULTS[defaults]}
        for key, name in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            if edits.get(key):
                document = merged(moved(_document(CHECKOUT / name), edits[key]), edits[key])
                path.write_text(yaml.dump(document, Dumper=DUMPER, sort_keys=False), encoding="utf-8")
            else:
                shutil.copyfile(CHECKOUT / name, path)
        options = {"host_file": FILES["hosts"], "group_file": FILES["groups"], "defaults_file": DEFAULTS[defaults]}
        config = {"inventory": {"plugin": "SimpleInventory", "options": options}}
        config = merged(config, edits.get("config") or {})
        (tmp_path / "config.yaml").write_text(yaml.dump(config, Dumper=DUMPER), encoding="utf-8")
        for name, content in (text or {}).items():
            (tmp_path / name).write_text(content, encoding="utf-8")
        return read_settings(tmp_path / "config.yaml")

    return make


@functools.cache
def untouched(defaults: str) -> Intent:
    """The intent of an inventory as it is shipped."""
    files = {"host_file": CHECKOUT / FILES["hosts"], "group_file": CHECKOUT / FILES["groups"]}
    settings = read_settings(CHECKOUT / "config.yaml")
    return load_intent(settings.model_copy(update=files | {"defaults_file": CHECKOUT / DEFAULTS[defaults]}), PLATFORMS)


_edited: dict[str, Intent] = {}


@pytest.fixture
def intent_of(project: Project) -> IntentOf:
    """The intent of one of the three inventories, with edits as `project` takes them."""

    def make(defaults: str = "seed", **edits: Any) -> Intent:
        if not edits:
            return untouched(defaults)
        asked = repr((defaults, edits))
        if asked not in _edited:  # it can be shared: an intent is frozen
            _edited[asked] = load_intent(project(defaults, **edits), PLATFORMS)
        return _edited[asked]

    return make


def unavailable(reason: str) -> NoReturn:
    """Skip a test whose program is not on this machine; where CI=true it must be, and the test fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true: nothing may be left out)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def leave_out() -> Callable[[str], NoReturn]:
    """Leave a test out with a reason, unless CI=true."""
    return unavailable
