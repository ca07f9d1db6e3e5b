"""JSON schemas of the files of an inventory, for editors: from the models that read them, and their docstrings. Pure."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from kubepeer.explained.entries import Entry
from kubepeer.given import FABRIC
from kubepeer.intent.abilities import Platforms
from kubepeer.intent.access import Access
from kubepeer.intent.data import FabricData, NodeData, RouterData
from kubepeer.intent.files import SECRET_KEYS
from kubepeer.intent.load import ROLES
from kubepeer.intent.probe import GROUP as PROBES
from kubepeer.intent.probe import ProbeData
from kubepeer.intent.values import DnsName

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES = {
    "hosts": "hosts.yaml of an inventory of Kubepeer: each host by its name.",
    "groups": "groups.yaml of an inventory of Kubepeer: each group by its name; what is true of the whole cluster stands in `fabric`.",
    "defaults": "The defaults file of an inventory of Kubepeer: what is said of all hosts, and of the cluster where `fabric` says nothing.",
}
ROUTERS = "routers"
READ = (FabricData, NodeData, RouterData, ProbeData, Access, Entry)
ANY = "HostData"  # of a host whose role its own groups do not say
EXTRAS = "Extras"
OR_NOTHING = ["object", "null"]  # a key with nothing behind it is an entry, too
Schema = dict[str, Any]


def schema(name: str, platforms: Platforms) -> Schema:
    """The schema of a file.

    Args:
        name: of FILES.
        platforms: those that a router may be of, by name: the usual names of their groups, too.

    """
    defs = _definitions(platforms)
    make = {"hosts": _hosts, "groups": _groups, "defaults": _defaults}[name]
    body = make(platforms)
    used = set(_reached(body, defs))
    return {
        "$schema": DIALECT,
        "title": f"Kubepeer: {name}",
        "description": FILES[name],
        **body,
        "$defs": {key: defs[key] for key in sorted(used)},
    }


class _WithDocstrings(GenerateJsonSchema):
    """Describes a section by its docstring, and a key by what that says under Attributes."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  a key is its own title
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        cls: type[BaseModel] = schema["cls"]
        found.pop("title", None)
        found["description"] = _description(cls)
        said = {key: text for base in reversed(cls.__mro__) for key, text in _attributes(base)}
        for key, below in found.get("properties", {}).items():
            if "patternProperties" in below:  # names of another form are refused, too
                ((pattern, value),) = below.pop("patternProperties").items()
                below |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}
            if key in said:
                below["description"] = said[key]
            if not isinstance(below.get("default"), bool | int | str):
                below.pop("default", None)
        return found


def _description(cls: type) -> str:
    text = (inspect.getdoc(cls) or "").partition("\nAttributes:\n")[0]
    return "\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _attributes(cls: type) -> Iterator[tuple[str, str]]:
    """The keys of the section Attributes of a docstring, as Google's style has it: NAME, OTHER: text, further lines deeper."""
    text = (inspect.cleandoc(cls.__dict__.get("__doc__") or "")).partition("\nAttributes:\n")[2].partition("\n\n")[0]
    for found in re.finditer(r"^ {4}(\w[\w, ]*): (.*(?:\n {5,}.*)*)", text, re.MULTILINE):
        for key in found[1].split(","):
            yield key.strip(), " ".join(found[2].split())


def _definitions(platforms: Platforms) -> dict[str, Schema]:
    _, generated = models_json_schema([(model, "validation") for model in READ], schema_generator=_WithDocstrings)
    defs: dict[str, Schema] = generated["$defs"]
    for model in (FabricData, NodeData, RouterData, ProbeData, Entry):
        defs[model.__name__].pop("required", None)  # one file says this, another that
        defs[model.__name__]["type"] = OR_NOTHING
    defs[FabricData.__name__]["properties"]["access"] = {"$ref": f"#/$defs/{Access.__name__}"}  # of all hosts at once
    defs[ANY] = _any_of_them([defs[model.__name__] for model in (NodeData, RouterData, ProbeData)])
    defs[EXTRAS] = _without_secrets()
    entry = defs[Entry.__name__]["properties"]
    entry["platform"]["examples"] = list(platforms)
    entry["data"] = {
        key: value for key, value in entry["data"].items() if key == "description"
    }  # each entry has its own
    defs["Connection"]["properties"]["extras"] |= {"anyOf": [{"$ref": f"#/$defs/{EXTRAS}"}, {"type": "null"}]}
    return defs


def _any_of_them(every: Iterable[Schema]) -> Schema:
    keys: dict[str, list[Schema]] = {}
    for one in every:
        for key, below in one["properties"].items():
            keys.setdefault(key, []).append(below)
    return {
        "type": OR_NOTHING,
        "description": "What a node, a router or a probing host has of its own, and its groups say of it.",
        "properties": {key: _either(several) for key, several in sorted(keys.items())},
        "additionalProperties": False,
    }


def _either(several: list[Schema]) -> Schema:
    described = next(({"description": one["description"]} for one in several if "description" in one), {})
    bare = [{key: one[key] for key in one if key != "description"} for one in several]
    ways = [one for number, one in enumerate(bare) if one not in bare[:number]]
    return {**described, **(ways[0] if len(ways) == 1 else {"anyOf": ways})}


def _without_secrets() -> Schema:
    """Wherever a key that is named so stands, its value is no secret, but names where it comes from: kubepeer/intent/files.py."""
    names = {key: {"not": {"type": ["string", "integer"]}} for key in sorted(SECRET_KEYS)}
    return {"properties": names, "additionalProperties": {"$ref": f"#/$defs/{EXTRAS}"}, "items": {}}


def _entry(data: type[BaseModel] | str) -> Schema:
    """Beside a reference stands nothing that matters: some editors' programs read what it refers to in the place of that."""
    return {"allOf": [{"$ref": f"#/$defs/{Entry.__name__}"}, _with(data)]}


def _with(data: type[BaseModel] | str) -> Schema:
    name = data if isinstance(data, str) else data.__name__
    return {"properties": {"data": {"$ref": f"#/$defs/{name}"}}}


def _by_group(platforms: Platforms) -> dict[str, type[BaseModel]]:
    """What is said of the hosts in a group, where its name tells."""
    routers = dict.fromkeys([ROUTERS, *platforms], RouterData)
    return {**dict.fromkeys(ROLES, NodeData), PROBES: ProbeData, **routers}


def _hosts(platforms: Platforms) -> Schema:
    models: dict[type[BaseModel], list[str]] = {}
    for group, model in _by_group(platforms).items():
        models.setdefault(model, []).append(group)
    narrower = [
        {
            "if": {"properties": {"groups": {"contains": {"enum": groups}}}, "required": ["groups"]},
            "then": _with(model),
        }
        for model, groups in models.items()
    ]
    return {
        "type": OR_NOTHING,
        "propertyNames": TypeAdapter(DnsName).json_schema(),
        "additionalProperties": {"allOf": [*_entry(ANY)["allOf"], *narrower]},
    }


def _groups(platforms: Platforms) -> Schema:
    named = {group: _entry(model) for group, model in _by_group(platforms).items()}
    return {
        "type": OR_NOTHING,
        "properties": {FABRIC: _entry(FabricData), **named},
        "additionalProperties": _entry(ANY),
    }


def _defaults(_: Platforms) -> Schema:
    return _entry(FabricData)


def _reached(value: Any, defs: Mapping[str, Schema], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The definitions that a schema refers to, and those that they refer to."""
    if isinstance(value, Mapping):
        if "$ref" in value and (name := str(value["$ref"]).rpartition("/")[2]) not in seen:
            yield name
            yield from _reached(defs[name], defs, seen | {name})
        for below in value.values():
            yield from _reached(below, defs, seen)
    elif isinstance(value, list):
        for below in value:
            yield from _reached(below, defs, seen)
