"""Versions as numbers that compare, to tell what a release has."""


def number(version: str) -> tuple[int, ...]:
    """Read a version: 3.24.5 comes before 3.30.0; a leading v is left out, and so is what follows a dash."""
    return tuple(int(part) for part in version.removeprefix("v").partition("-")[0].split("."))


def at_least(version: str, first: str) -> bool:
    """Say whether a release is that one or a later one."""
    return number(version) >= number(first)
