"""The schemas of the inventory's files: they take every inventory that there is, and refuse each unknown key that the loader refuses."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from nornir.core.inventory import ConnectionOptions

from kubepeer.errors import UsageError
from kubepeer.explained.entries import Connection, Entry
from kubepeer.explained.resolved import resolve
from kubepeer.explained.schema import FILES, schema
from kubepeer.explained.tree import plain
from kubepeer.intent.files import HOST_KEYS
from kubepeer.intent.load import load_intent
from kubepeer.settings import Settings, read_yaml
from tasks.platforms.platform import PLATFORMS
from tests.both_families import dual_stack, ipv6_only
from tests.conftest import CHECKOUT, LOADER
from tests.json_schema import JsonSchema
from tests.unit.explained.inventories import ADOPTED, EVERYTHING, everywhere

SCHEMAS = {name: schema(name, PLATFORMS) for name in FILES}
READERS = {name: JsonSchema(one) for name, one in SCHEMAS.items()}
FOLDER = CHECKOUT / "inventory" / "schema"
MISTAKES = CHECKOUT / "tests/unit/intent/mistakes"


def documents(settings: Settings) -> dict[str, Any]:
    paths = {"hosts": settings.host_file, "groups": settings.group_file, "defaults": settings.defaults_file}
    return {name: read_yaml(path, name) for name, path in paths.items()}


def complaints(found: dict[str, Any]) -> list[str]:
    return [f"{name}{line}" for name, document in found.items() for line in READERS[name].complaints(document)]


@pytest.mark.parametrize("settings", [*everywhere()])
def test_every_inventory_of_the_checkout_is_taken(settings: Settings) -> None:
    assert complaints(documents(settings)) == []


@pytest.mark.parametrize(
    "edit", [EVERYTHING, dual_stack(), ipv6_only(), ADOPTED], ids=["everything", "dual-stack", "ipv6", "adopted"]
)
def test_a_layout_is_taken_as_it_is_said_and_as_it_is_resolved(project: Any, edit: dict[str, Any]) -> None:
    settings = project("today", **edit)
    assert complaints(documents(settings)) == []
    found = resolve(settings, load_intent(settings, PLATFORMS), chosen=None, everything=True)
    assert complaints({name: plain(document) for name, document in found.items()}) == []


def with_unknown_keys(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all mappings."""
    if isinstance(value, dict):
        yield path
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in below:
        yield from with_unknown_keys(one, (*path, key))


def with_key(document: Any, path: tuple[Any, ...]) -> Any:
    found = document = copy.deepcopy(document)
    for key in path:
        found = found[key]
    found["colour"] = {"red": 1}
    return document


def said_of(settings: Settings) -> str:
    try:
        load_intent(settings, PLATFORMS)
    except UsageError as error:
        return str(error)
    return ""


LIKE_OTHERS = tuple(f"k8s-calico-{name}" for name in ("master-10-31-90-2", "master-10-31-90-3", "worker-10-31-90-6"))


def test_an_unknown_key_that_the_loader_refuses_is_refused_wherever_it_stands(project: Any) -> None:
    """A mapping with names of the owner's own takes one more; into all others it is put, one after the other."""
    settings = project("today", **EVERYTHING)
    intent = load_intent(settings, PLATFORMS)
    whole = resolve(settings, intent, chosen=None, everything=True)
    every = {name: plain(document) for name, document in whole.items()}
    paths = {"hosts": settings.host_file, "groups": settings.group_file, "defaults": settings.defaults_file}
    for name, path in paths.items():
        path.write_text(yaml.safe_dump(every[name], sort_keys=False), encoding="utf-8")
    assert load_intent(settings, PLATFORMS) == intent
    refused: dict[str, int] = {}
    for name, file in paths.items():
        text = file.read_text(encoding="utf-8")
        for path in with_unknown_keys(every[name]):
            if not path or path[0] in LIKE_OTHERS:
                continue
            document = with_key(every[name], path)
            file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
            if re.search(r"colour: unknown key|unknown key 'colour'", said_of(settings)):
                refused[name] = refused.get(name, 0) + 1
                assert READERS[name].complaints(document), f"{name}: {path}"
        file.write_text(text, encoding="utf-8")
    assert refused["hosts"] >= 30
    assert refused["groups"] >= 10
    assert refused["defaults"] >= 30


def mistaken() -> Iterator[Any]:
    for path in sorted(MISTAKES.glob("*.yaml")):
        case = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  a safe loader, by libyaml
        if "unknown key" in case["says"] or "stands in the inventory" in case["says"]:
            yield pytest.param(case, id=path.stem)


@pytest.mark.parametrize("case", [*mistaken()])
def test_a_key_that_is_unknown_or_a_secret_is_refused_as_the_loader_refuses_it(
    case: dict[str, Any], project: Any
) -> None:
    assert complaints(documents(project(**case["edit"])))


FORMS = {
    "version_without_patch_level": True,
    "mirror_without_a_scheme": True,
    "unknown_proxy_mode": True,
    "text_where_a_number_belongs": True,
    "host_whose_name_is_no_dns_name": True,
    "registry_that_is_no_registry": True,
    "virtual_router_id_out_of_range": True,
    "networks_that_overlap": False,  # two statements: the loader alone compares them
}


@pytest.mark.parametrize("mistake", FORMS)
def test_a_value_of_another_form_is_refused_where_one_value_tells(mistake: str, project: Any) -> None:
    case = yaml.load((MISTAKES / f"{mistake}.yaml").read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  a safe loader, by libyaml
    assert bool(complaints(documents(project(**case["edit"])))) is FORMS[mistake]


@pytest.mark.parametrize("name", FILES)
def test_the_schema_beside_the_inventory_is_the_one_of_the_model(name: str) -> None:
    """Written anew by: python runbooks/inventory.py schema --into inventory/schema."""
    standing = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert standing == SCHEMAS[name]


@pytest.mark.parametrize(
    "path",
    [*sorted((CHECKOUT / "inventory").glob("*.yaml")), CHECKOUT / "lab/defaults.yaml", *sorted(CHECKOUT.glob("examples/*/[hg]*.yaml"))],
    ids=lambda path: str(path.relative_to(CHECKOUT)),
)  # fmt: skip
def test_a_shipped_file_names_its_schema_for_editors(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    said = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert said is not None
    kind = path.stem if path.stem in FILES else "defaults"
    assert (path.parent / said[1]).resolve() == FOLDER / f"{kind}.schema.json"


def described(name: str) -> Iterator[tuple[str, str]]:
    """Each key of each section, and what an editor shows of it."""
    defs = SCHEMAS[name]["$defs"]
    for section, one in defs.items():
        if section not in ("Extras", "JsonValue"):
            yield section, one.get("description", "")
        for key, below in one.get("properties", {}).items():
            if section != "Extras":
                target = defs.get(str(below.get("$ref", "")).rpartition("/")[2], {})
                yield f"{section}.{key}", below.get("description") or target.get("description", "")


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_described_by_a_docstring(name: str) -> None:
    assert [key for key, text in described(name) if not text] == []
    assert "Attributes:" not in json.dumps(SCHEMAS[name])


def test_nornirs_own_keys_are_all_there() -> None:
    assert set(Entry.model_fields) == HOST_KEYS
    assert set(Connection.model_fields) == set(ConnectionOptions.schema())


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(below)


def test_patterns_are_read_by_editors_too() -> None:
    """ECMA-262 with the flag u: no escape of a sign that means nothing, and none of Python's own groups."""
    found = (one.get("pattern") for schema in SCHEMAS.values() for one in mappings(schema))
    every = {pattern for pattern in found if isinstance(pattern, str)}
    assert len(every) > 10
    for pattern in every:
        assert {*re.findall(r"\\(.)", pattern)} <= {*"dwsDWSbB^$\\.*+?()[]{}|/-"}, pattern
        assert not re.search(r"\(\?(?!:)", pattern), pattern


def test_nothing_that_matters_stands_beside_a_reference() -> None:
    """yaml-language-server puts what is referred to into the same mapping, where its keys give way to those that are there."""
    found = [one for name in FILES for one in mappings(SCHEMAS[name]) if "$ref" in one]
    assert len(found) > 50
    assert all(one.keys() <= {"$ref", "description"} for one in found)
