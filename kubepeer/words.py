"""Many things in one line for a person. Pure."""

from collections.abc import Sequence


def listed(items: Sequence[str], most: int) -> str:
    """The first few of many, and how many more there are."""
    rest = len(items) - most
    return ", ".join(items) if rest <= 0 else f"{', '.join(items[:most])} and {rest} more"
