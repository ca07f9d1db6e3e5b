"""Which words of BIRD's configuration are secrets, and how to hide them."""

from __future__ import annotations

import re
from difflib import unified_diff

HIDDEN = '"********"'

_BLANK = r"(?:\s|#[^\n]*\n|/\*.*?\*/)"
_VALUE = r"((?:hex:\s*)?\"[^\"\n]*\"?|'[^'\n]*'|(?!=)[^\s;{}\"']+)"
# password: BGP, OSPF, RIP, Babel, BFD, RPKI; secret: the keys of TCP-AO (RFC 5925); private key: RPKI over SSH.
_SECRET = re.compile(rf"(\b(?:password|secret|private{_BLANK}+key){_BLANK}+){_VALUE}", re.DOTALL)
_DEFINED = re.compile(rf"(\bdefine\s+'?([A-Za-z_][\w.-]*)'?\s*=\s*){_VALUE}")
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

    constants = _holding(text)
    text = _SECRET.sub(lambda found: found.group() if found.group(2).strip("'") in constants else hidden(found), text)

    def hidden_constant(found: re.Match[str]) -> str:
        name, value = found.group(2), found.group(3)
        if name not in constants or value.strip("'") in constants:
            return found.group()
        number = seen.setdefault(value, len(seen))
        return f"{found.group(1)}{HIDDEN}\0{number}\0"

    return _DEFINED.sub(hidden_constant, text)


def _holding(text: str) -> set[str]:
    """Name the constants that hold a secret, also by way of another one."""
    defined = {name: value.strip("'") for _, name, value in _DEFINED.findall(text)}
    holding = {value.strip("'") for _, value in _SECRET.findall(text)} & set(defined)
    while further := {defined[name] for name in holding} & set(defined) - holding:
        holding |= further
    return holding
