"""What BIRD's configuration says of its own: tables, kernel protocols, included files. Pure, and without NAPALM.

Sources: BIRD User's Guide 2.0 and 3.0, chapter 3 (include, define, tables, channels) and 6.6 (Kernel).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import dirname, normpath

from napalm_bird.syntax import Statement, statements

MERGED_BY_DEFAULT = 16
"""How many paths a kernel protocol merges whose ``merge paths`` names no limit."""
_MASTER = {"ipv4": "master4", "ipv6": "master6"}
_MAIN = 254
"""RT_TABLE_MAIN of Linux: where a kernel protocol writes that names no table of the kernel."""
_OFF = ("off", "no", "0", "false")
_ON = ("on", "yes", "1", "true")
INCLUDE = re.compile(r"^[ \t]*include[ \t]*\"([^\"\n]+)\"[ \t]*;", re.MULTILINE)
"""An include stands at the beginning of a line (conf/cf-lex.l)."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)

Words = Sequence[str]


@dataclass(frozen=True)
class Kernel:
    """A kernel protocol: one family's table of BIRD, and the table of the kernel that it is written to.

    ``merged`` is how many equal paths become one route, 0 where none are. ``exports`` is False where nothing is written
    at all: ``export none``, which is also what a channel does that does not say.
    """

    name: str
    family: str
    table: str
    kernel_table: int
    merged: int
    exports: bool
    vrf: str


def phrases(words: Words) -> list[Words]:
    """Cut a body at its semicolons; a block belongs to the words before it."""
    result: list[Words] = []
    current: list[str] = []
    depth = 0
    for word in words:
        if word == ";" and depth == 0:
            result.append(current)
            current = []
            continue
        depth += {"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(word, 0)
        current.append(word)
    return [one for one in [*result, current] if one]


def constants(text: str) -> dict[str, str]:
    """Read the constants of a configuration, each with the words that it stands for."""
    return {
        one.tokens[1].strip("'"): " ".join(one.tokens[3:-1]).strip('"')
        for one in statements(text)[0]
        if one.tokens[0] == "define" and one.tokens[2:3] == ("=",)
    }


def tables(text: str, family: str) -> list[str]:
    """Name the routing tables of a family; the one that every BIRD has is the first."""
    named = [one for one in statements(text)[0] if one.tokens[0] == family and one.key and one.key[0] == "table"]
    return [_MASTER[family], *(one.key[1] for one in named if one.key)]


def kernels(text: str) -> list[Kernel]:
    """Read the kernel protocols, with what their templates say.

    Raises:
        SyntaxRefused: the text cannot be cut into statements.

    """
    known = constants(text)
    blocks = [one for one in statements(text)[0] if one.tokens[:2] in (("protocol", "kernel"), ("template", "kernel"))]
    templates = {one.key[1]: one for one in blocks if one.tokens[0] == "template" and one.key}
    return [
        kernel
        for one in blocks
        if one.tokens[0] == "protocol"
        for kernel in _kernels_of(one.key[1] if one.key else "", list(_said(one, templates)), known)
    ]


def bgp_protocols(text: str) -> Iterator[tuple[str, Iterator[Words]]]:
    """Yield the named protocols of BGP, each with all that is said of it, its templates' phrases before its own.

    Raises:
        SyntaxRefused: the text cannot be cut into statements.

    """
    blocks = [one for one in statements(text)[0] if one.tokens[:2] in (("protocol", "bgp"), ("template", "bgp"))]
    templates = {one.key[1]: one for one in blocks if one.tokens[0] == "template" and one.key}
    for one in blocks:
        if one.tokens[0] == "protocol" and one.key:
            yield one.key[1], _said(one, templates)


def neighbours(text: str) -> Iterator[tuple[str, str]]:
    """Yield the named protocols of BGP that are on, each with its neighbour's address.

    One of a VRF that is a device has addresses of its own, and one of a range names none.

    Raises:
        SyntaxRefused: the text cannot be cut into statements.

    """
    known = constants(text)
    for name, said in bgp_protocols(text):
        words = {phrase[0]: [known.get(word, word) for word in phrase[1:]] for phrase in said}
        disabled = "disabled" in words and words["disabled"][:1] not in ([one] for one in _OFF)
        address = words.get("neighbor", [])[:1]
        if address and address != ["range"] and not disabled and words.get("vrf", ["default"]) == ["default"]:
            yield name, address[0]


def _said(block: Statement, templates: Mapping[str, Statement]) -> Iterator[Words]:
    """Go over what a protocol says, its templates' phrases before its own: what is said last counts."""
    words = block.tokens
    opening = words.index("{") if "{" in words else len(words)
    head = words[:opening]
    parent = head[head.index("from") + 1].strip("'") if "from" in head else ""
    if parent in templates:
        yield from _said(templates[parent], {name: one for name, one in templates.items() if name != parent})
    yield from phrases(words[opening + 1 : -1])


def _kernels_of(name: str, said: Sequence[Words], known: Mapping[str, str]) -> Iterator[Kernel]:
    """A protocol has a channel for each family that it names, ``ipv4;`` or ``ipv4 { ... }``."""
    merged, kernel_table, vrf = 0, _MAIN, ""
    channels: dict[str, dict[str, str]] = {}
    for phrase in said:
        words = [known.get(word, word) for word in phrase]
        if words[:2] == ["merge", "paths"]:
            merged = _merged(words[2:])
        elif words[:2] == ["kernel", "table"] and words[2:3] and words[2].isdigit():
            kernel_table = int(words[2])
        elif words[0] == "vrf":
            vrf = "" if words[1:2] == ["default"] else "".join(words[1:2]).strip('"')
        elif words[0] in _MASTER:
            _channel(channels.setdefault(words[0], {}), words[words.index("{") + 1 : -1] if "{" in words else [])
    for family, channel in channels.items():
        table = channel.get("table", _MASTER[family])
        yield Kernel(name, family, table, kernel_table, merged, channel.get("export", "none") != "none", vrf)


def _channel(channel: dict[str, str], body: Words) -> None:
    for phrase in phrases(body):
        if phrase[0] == "table":
            channel["table"] = "".join(phrase[1:2]).strip("'")
        elif phrase[0] == "export" and phrase[1:2] not in (["limit"], ["block"], ["in"]):
            channel["export"] = " ".join(phrase[1:])


def _merged(words: Words) -> int:
    """Read ``[SWITCH] [limit NUMBER]``; the switch may be left out, and is on then (conf/confbase.Y: bool)."""
    if words[:1] and words[0].lower() in _OFF:
        return 0
    rest = list(words[1:] if words[:1] and words[0].lower() in _ON else words)
    if rest[:1] == ["limit"] and rest[1:2] and rest[1].isdigit():
        return int(rest[1])
    return MERGED_BY_DEFAULT


def includes(text: str, file: str) -> list[str]:
    """Name what a file includes, as absolute paths that may hold wildcards; a relative one is of the file's folder."""
    found = INCLUDE.findall(_COMMENT.sub("", text))
    return [normpath(one if one.startswith("/") else f"{dirname(file)}/{one}") for one in found]


def names(pattern: str, file: str) -> bool:
    """Tell whether an include means a file; a wildcard stands for no slash (glob(3))."""
    return pattern.count("/") == file.count("/") and fnmatchcase(file, pattern)
