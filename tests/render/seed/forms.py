"""How each kind of configuration file is read for a comparison: what it says, without its comments and its white space."""

import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

SECTIONS = ("global", "defaults", "frontend", "backend")  # HAProxy's manual, 2.1: where a section begins
FAMILIES = ("option", "timeout", "http-check", "server")  # their second word is the keyword's other half
ENTRIES = ("virtual_ipaddress", "track_script")  # keepalived.conf(5): blocks of entries, not of keywords


def statements(text: str, comments: str) -> Iterator[list[str]]:
    """The words of each line that is neither empty nor a comment."""
    for line in text.splitlines():
        if line.strip() and line.strip()[0] not in comments:
            yield line.split()


def keepalived(text: str) -> dict[str, Any]:
    """Blocks in blocks; a block's name is said under `name`, a keyword without an argument is true."""
    whole: dict[str, Any] = {}
    open_blocks: list[Any] = [whole]
    for words in statements(text, "!#"):
        if words == ["}"]:
            open_blocks.pop()
        elif words[-1] == "{":
            block: Any = [] if words[0] in ENTRIES else {"name": " ".join(words[1:-1])} if words[1:-1] else {}
            _say(open_blocks[-1], words[0], block)
            open_blocks.append(block)
        elif isinstance(open_blocks[-1], list):
            open_blocks[-1].append(" ".join(words))
        else:
            _say(open_blocks[-1], words[0], " ".join(words[1:]) or True)
    if len(open_blocks) != 1:
        raise ValueError("a block is not closed")
    return whole


def _say(block: dict[str, Any], keyword: str, value: Any) -> None:
    if keyword in block:
        raise ValueError(f"{keyword} is said twice: which of them counts is keepalived's secret")
    block[keyword] = value


def haproxy(text: str) -> dict[str, Any]:
    """Sections of keywords; one that is said several times has a list, in its order."""
    whole: dict[str, Any] = {}
    section: dict[str, Any] = {}
    for words in statements(text, "#"):
        if words[0] in SECTIONS:
            section = whole.setdefault(" ".join(words), {})
            continue
        length = 2 if words[0] in FAMILIES else 1
        keyword, value = " ".join(words[:length]), " ".join(words[length:]) or True
        if keyword in section:
            before = section[keyword]
            section[keyword] = [*(before if isinstance(before, list) else [before]), value]
        else:
            section[keyword] = value
    return whole


def script(text: str) -> dict[str, Any]:
    """The interpreter, and the commands, each with one blank between its words."""
    first, _, rest = text.partition("\n")
    return {"interpreter": first.removeprefix("#!"), "commands": [" ".join(words) for words in statements(rest, "#")]}


def documents(text: str) -> dict[str, Any]:
    """YAML documents by their kind; a single one is itself."""
    found = list(yaml.safe_load_all(text))
    by_kind = {document["kind"]: document for document in found}
    if len(by_kind) != len(found):
        raise ValueError("two documents are of the same kind")
    return by_kind if len(found) > 1 else found[0]


def objects(text: str) -> dict[str, Any]:
    """Objects of an API by kind and name; nothing of a file's order."""
    return by_name(yaml.safe_load_all(text))


def by_name(manifests: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Objects by kind and name."""
    found = [(f"{one['kind']} {one['metadata']['name']}", one) for one in manifests]
    if len(dict(found)) != len(found):
        raise ValueError("an object is there twice")
    return dict(found)


def toml(text: str) -> dict[str, Any]:
    """A file of containerd's."""
    return tomllib.loads(text)


def first_word(text: str) -> dict[str, Any]:
    """Lines of hosts(5), modules-load.d(5), sysctl.d(5), chrony.conf(5): the first word (two of a server), and what follows."""
    lines = [[" ".join(words[:2]), *words[2:]] if words[0] == "server" else words for words in statements(text, "#;")]
    return {words[0]: " ".join(word for word in words[1:] if word != "=") or True for words in lines}
