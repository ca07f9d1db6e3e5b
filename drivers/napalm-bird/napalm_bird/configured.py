"""What a file of BIRD's configuration says about BGP, in the shape of get_bgp_config: as far as NAPALM's model goes.

A template is a group; its members are the protocols that are made ``from`` it. Who has none is in the group ``_``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from napalm.base.models import BGPConfigGroupDict, BGPConfigNeighborDict

from napalm_bird.configuration import constants as constants_of
from napalm_bird.configuration import phrases
from napalm_bird.syntax import statements

_FAMILIES = {"ipv4": "inet", "ipv6": "inet6"}
_NO_GROUP = "_"
_PREFIX = 3  # tokens: address, slash, length
Words = Sequence[str]


@dataclass(frozen=True)
class _Peering:
    """What a template or a protocol says; nothing where it is silent."""

    parent: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def under(self, templates: dict[str, _Peering]) -> _Peering:
        """Add what the template says, and that one's template."""
        above = templates.get(self.parent)
        if above is None:
            return self
        inherited = above.under({name: one for name, one in templates.items() if name != self.parent}).options
        limits = inherited.get("prefix_limit", {}) | self.options.get("prefix_limit", {})
        return replace(self, options={**inherited, **self.options, "prefix_limit": limits})


def bgp(text: str, group: str = "", neighbor: str = "") -> dict[str, BGPConfigGroupDict]:
    """Read the templates and protocols of BGP in a file; of one group or of one neighbour where that is asked for."""
    constants, templates, protocols = _collect(text)
    result: dict[str, BGPConfigGroupDict] = {_NO_GROUP: _group(_Peering())}
    for name, template in templates.items():
        result[name] = _group(template.under(templates))
    for one in protocols:
        whole = _with_constants(one.under(templates), constants)
        address = whole.options.get("neighbor", "")
        if address and neighbor in ("", address):
            place = one.parent if one.parent in result else _NO_GROUP
            result[place]["neighbors"][address] = _neighbor(whole)
    return {
        name: one
        for name, one in result.items()
        if group in ("", name) and (one["neighbors"] or (name != _NO_GROUP and not neighbor))
    }


def _collect(text: str) -> tuple[dict[str, str], dict[str, _Peering], list[_Peering]]:
    constants = constants_of(text)
    templates: dict[str, _Peering] = {}
    protocols: list[_Peering] = []
    for one in statements(text)[0]:
        words = one.tokens
        if words[0] in ("template", "protocol") and words[1] == "bgp" and "{" in words:
            opening = words.index("{")
            head = words[:opening]
            parent = head[head.index("from") + 1].strip("'") if "from" in head else ""
            peering = _Peering(parent, _options(words[opening + 1 : -1]))
            if words[0] == "protocol":
                protocols.append(peering)
            elif one.key:
                templates[one.key[1]] = peering
    return constants, {name: _with_constants(each, constants) for name, each in templates.items()}, protocols


def _with_constants(peering: _Peering, constants: dict[str, str]) -> _Peering:
    known = {
        key: constants.get(value, value) if isinstance(value, str) else value for key, value in peering.options.items()
    }
    return replace(peering, options=known)


def _options(body: Words) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for phrase in phrases(body):
        first = phrase[0]
        if first in _FAMILIES and "{" in phrase:
            _channel(found, first, phrase[phrase.index("{") + 1 : -1])
        elif first in ("local", "neighbor"):
            _end(found, first, phrase[1:])
        elif first == "multihop":
            found["multihop"] = phrase[1] if len(phrase) > 1 else "64"
        elif first in ("description", "password"):
            found[first] = phrase[1].strip('"') if len(phrase) > 1 else ""
        elif phrase[:2] == ["source", "address"]:
            found["local"] = phrase[2]
        elif phrase[:2] == ["rr", "client"]:
            found["rr client"] = phrase[2:3] not in (["off"], ["no"])
    return found


def _end(found: dict[str, Any], which: str, words: Words) -> None:
    """Read ``local 192.0.2.1 port 179 as 64512``, ``neighbor range 192.0.2.0/24``, ``neighbor fe80::1 % 'wg0'``."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "as" and rest:
            found[f"{which} as"] = rest.pop(0)
        elif word in ("port", "onlink"):
            del rest[: 1 if word == "port" else 0]
        elif word in ("internal", "external"):
            found["type"] = word
        elif word == "range":
            found[which] = "".join(rest[:_PREFIX])
            del rest[:_PREFIX]
        elif word == "%" and rest:  # the link that a link-local address is of
            interface = rest.pop(0).strip("'")
            found[which] = f"{found.get(which, '')}%{interface}"
        else:
            found[which] = word


def _channel(found: dict[str, Any], family: str, body: Words) -> None:
    for phrase in phrases(body):
        if phrase[:1] in (["import"], ["export"]) and phrase[1:2] != ["limit"]:
            found.setdefault(phrase[0], _policy(phrase[1:]))
        elif phrase[1:2] == ["limit"] and phrase[0] in ("import", "receive") and phrase[2:3] not in (["off"], ["no"]):
            limits = found.setdefault("prefix_limit", {})
            number = phrase[2] if len(phrase) > 2 else ""  # noqa: PLR2004
            if number.isdigit():
                limits.setdefault(_FAMILIES[family], {"unicast": {"limit": int(number)}})
        elif phrase[:3] == ["next", "hop", "self"]:
            found["nhs"] = phrase[3:4] not in (["off"], ["no"])


def _policy(words: Words) -> str:
    """Name a policy: the filter's name; ``all``, ``none`` and a ``where`` stand for themselves."""
    if words[:1] in (["keep"], ["table"]):
        return ""
    return words[1] if words[:1] == ["filter"] and len(words) > 1 and words[1] != "{" else " ".join(words)


def _number(value: object) -> int:
    return int(value) if isinstance(value, str) and value.isdigit() else 0


def _group(peering: _Peering) -> BGPConfigGroupDict:
    options = peering.options
    return {
        "type": _type(options),
        "description": options.get("description", ""),
        "apply_groups": [peering.parent] if peering.parent else [],
        "multihop_ttl": _number(options.get("multihop")),
        "multipath": False,  # BIRD merges paths where it gives them to the kernel, whatever protocol they are of
        "local_address": options.get("local", ""),
        "local_as": _number(options.get("local as")),
        "remote_as": _number(options.get("neighbor as")),
        "import_policy": options.get("import", ""),
        "export_policy": options.get("export", ""),
        "remove_private_as": False,
        "prefix_limit": options.get("prefix_limit", {}),
        "neighbors": {},
    }


def _type(options: dict[str, Any]) -> str:
    if "type" in options:
        return str(options["type"])
    ends = _number(options.get("local as")), _number(options.get("neighbor as"))
    if not all(ends):
        return ""
    return "internal" if ends[0] == ends[1] else "external"


def _neighbor(peering: _Peering) -> BGPConfigNeighborDict:
    options = peering.options
    return {
        "description": options.get("description", ""),
        "import_policy": options.get("import", ""),
        "export_policy": options.get("export", ""),
        "local_address": options.get("local", ""),
        "authentication_key": options.get("password", ""),
        "nhs": bool(options.get("nhs", False)),
        "route_reflector_client": bool(options.get("rr client", False)),
        "local_as": _number(options.get("local as")),
        "remote_as": _number(options.get("neighbor as")),
        "prefix_limit": options.get("prefix_limit", {}),
    }
