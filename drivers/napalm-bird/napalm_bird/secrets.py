"""Which words of BIRD's configuration are secrets, and how to hide them."""

from __future__ import annotations

import re
from difflib import unified_diff

HIDDEN = '"********"'

_PASSWORD = re.compile(r"(\b(?:password|private\s+key)\s+)(\"[^\"\n]*\"?|'[^'\n]*'|[^\s;{}\"']+)")
_DEFINED = re.compile(r"\bdefine\s+([A-Za-z_]\w*)")
_MARK = re.compile("\0\\d+\0")


def hide(text: str) -> str:
    """Put asterisks in the place of every password, also of one that a constant holds."""
    return _MARK.sub("", _marked(text, {}))


def compare(before: str, after: str) -> str:
    """Return the unified diff of two texts, secrets hidden; a secret that changes shows as a changed line."""
    seen: dict[str, int] = {}
    old, new = _marked(before, seen).splitlines(), _marked(after, seen).splitlines()
    return _MARK.sub("", "\n".join(unified_diff(old, new, "running", "candidate", lineterm="")))


def _marked(text: str, seen: dict[str, int]) -> str:
    """Hide secrets, each with a mark of its own behind it, so that two of them can be told apart."""

    def hidden(found: re.Match[str]) -> str:
        number = seen.setdefault(found.group(2), len(seen))
        return f"{found.group(1)}{HIDDEN}\0{number}\0"

    used = {name for _, name in _PASSWORD.findall(text)}
    constants = used & set(_DEFINED.findall(text))
    text = _PASSWORD.sub(lambda found: found.group() if found.group(2) in constants else hidden(found), text)
    for name in sorted(constants):
        text = re.sub(rf"(\bdefine\s+{name}\s*=\s*)(\"[^\"\n]*\"?)", hidden, text)
    return text
