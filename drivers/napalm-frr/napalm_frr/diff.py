"""The difference that people read: unified, running against effective, secrets hidden."""

from __future__ import annotations

from difflib import unified_diff

from napalm_frr.configuration import Configuration, render
from napalm_frr.secrets import hide


def compare(running: Configuration, effective: Configuration) -> str:
    """Return a unified diff, empty when both hold the same lines."""
    if running.same_as(effective):
        return ""
    before = [line for line, _ in render(running.paths, running.contexts)]
    after = [line for line, _ in render(effective.paths, effective.contexts)]
    return hide("\n".join(unified_diff(before, after, "running", "candidate", lineterm="")))


def missing_and_unexpected(expected: Configuration, observed: Configuration) -> str:
    """Say, one line each, what was expected and is not there, and what is there and was not expected."""
    lines = [f"missing: {' / '.join(path)}" for path in expected.paths if path not in observed.members]
    lines += [f"unexpected: {' / '.join(path)}" for path in observed.paths if path not in expected.members]
    return hide("\n".join(lines))
