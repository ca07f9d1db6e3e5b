"""The two levels of IS-IS: what is said of both alike is one line without a level (8.4.4, 10.3, 10.7.1)."""

from __future__ import annotations

import re

from napalm_frr.contexts import INTERFACE, ROUTER_ISIS
from napalm_frr.draft import Block

_LEVELS = ("level-1", "level-2")
_LEVELLED = {
    INTERFACE: re.compile(
        r"isis (?:(?:hello-interval|hello-multiplier|metric|priority|csnp-interval|psnp-interval)\b.*|"
        r"fast-reroute (?:lfa|remote-lfa tunnel mpls-ldp)(?: level-[12])?)"
    ),
    ROUTER_ISIS: re.compile(r"(?:spf-interval|lsp-timers)\b.*"),
}


def put_level(block: Block, line: str) -> bool:
    """Add a line about one level, or about both; returns whether it was such a line."""
    pattern = _LEVELLED.get(block.kind)
    if pattern is None or not pattern.fullmatch(line):
        return False
    head = _head(line)
    said = {level: one for one in block if pattern.fullmatch(one) and _head(one) == head for level in _meant(one)}
    now = {level: _with(level, one) for level, one in said.items()} | {each: _with(each, line) for each in _meant(line)}
    both = {_without(one) for one in now.values()}
    wanted = sorted(both) if len(now) == len(_LEVELS) and len(both) == 1 else [now[level] for level in sorted(now)]
    for one in dict.fromkeys(said.values()):
        if one not in wanted:
            block.drop(one)
    for one in wanted:
        if one not in block:
            block.stand(one)
    return True


def _head(line: str) -> str:
    """Name the setting: the words before the first number, without a level."""
    return re.split(r" \d| gen-interval", _without(line))[0]


def _without(line: str) -> str:
    return re.sub(r" level-[12]\b", "", line)


def _meant(line: str) -> tuple[str, ...]:
    named = tuple(level for level in _LEVELS if f" {level}" in line)
    return named or _LEVELS


def _with(level: str, line: str) -> str:
    """Name the level where FRR prints it: before the value, but after the intervals of CSNP and PSNP."""
    if f" {level}" in line:
        return line
    head, plain = _head(line), _without(line)
    value = plain[len(head) :]
    at_end = not value or "snp-interval" in head
    return f"{plain} {level}" if at_end else f"{head} {level}{value}"
