"""Values of an inventory as YAML, each with a remark that says where it comes from. Pure."""

import functools
import json
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from kubepeer.explained.tree import Branch, Items, Leaf, Tree

STEP = "  "
NEAREST, FARTHEST = 32, 64  # the columns between which remarks begin
Line = tuple[str, str]  # what stands there, and the remark


def as_yaml(tree: Tree, *, remarks: bool = True) -> str:
    """A document of YAML.

    Args:
        tree: what stands in it.
        remarks: say of each value where it comes from, and what else follows from them.

    """
    lines = [line for line in _lines(tree, "") if remarks or not line[0].lstrip().startswith("#")]
    column = max([NEAREST, *(len(text) for text, remark in lines if remark and len(text) < FARTHEST)])
    shown = (f"{text:<{column}}  # {remark}" if remarks and remark else text for text, remark in lines)
    return "".join(f"{line}\n" for line in shown)


def _lines(tree: Tree, indent: str) -> Iterator[Line]:
    if isinstance(tree, Leaf):
        yield f"{indent}{_flow(tree.value)}", str(tree.origin)
    elif not tree.parts:
        yield f"{indent}{'{}' if isinstance(tree, Branch) else '[]'}", ""
    elif isinstance(tree, Items):
        for part in tree.parts:
            (first, remark), *others = _lines(part, indent + STEP)
            yield f"{indent}- {first[len(indent + STEP) :]}", remark
            yield from others
    else:
        for key, part in tree.parts.items():
            yield from _pair(_flow(key), part, indent)


def _pair(key: str, part: Tree, indent: str) -> Iterator[Line]:
    if isinstance(part, Leaf):
        mark = "# " if part.follows else ""
        line = f"{indent}{mark}{key}: {_flow(part.value)}"
        if isinstance(part.value, list) and len(part.value) > 1 and len(line) > FARTHEST and not mark:
            yield f"{indent}{key}:", str(part.origin)
            yield from ((f"{indent}{STEP}- {_flow(one)}", "") for one in part.value)
        else:
            yield line, str(part.origin)
    elif not part.parts:
        yield f"{indent}{key}: {'{}' if isinstance(part, Branch) else '[]'}", ""
    else:
        yield f"{indent}{key}:", ""
        yield from _lines(part, indent + STEP)


def _flow(value: Any) -> str:
    """On one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_item, value))}]"
    return "{}" if isinstance(value, dict) else _scalar(value)  # a mapping of something is a branch


@functools.lru_cache(maxsize=4096, typed=True)  # many hosts have the same words
def _scalar(value: Any) -> str:
    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value)  # YAML 1.2, 1.3: JSON is YAML
    return _dumped(value).removesuffix("\n...")


@functools.lru_cache(maxsize=4096, typed=True)
def _item(value: Any) -> str:
    """A scalar between brackets, where some more signs mean something."""
    return _scalar(value) if isinstance(value, str) and not value.isprintable() else _dumped([value])[1:-1]


def _dumped(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=sys.maxsize, allow_unicode=True)
    return text.rstrip("\n")
