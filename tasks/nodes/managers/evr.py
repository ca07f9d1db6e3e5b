"""Epoch, version and release of an rpm package: how they are ordered and written. Pure."""

import re

SEGMENT = re.compile(r"\d+|[a-zA-Z]+|~|\^")
TILDE, END, CARET, WORD, NUMBER = range(5)  # rpm-version(7): 1.0~rc1, 1.0, 1.0^git1, 1.0a, 1.0.1
Order = tuple[int, int, str]


def order(evr: str) -> tuple[int, list[Order], list[Order]]:
    """What sorts EPOCH:VERSION-RELEASE as rpm does; the epoch is 0 where none is written."""
    epoch, _, rest = evr.rpartition(":")
    version, _, release = rest.rpartition("-")
    return int(epoch or 0), _segments(version or release), _segments(release if version else "")


def _segments(text: str) -> list[Order]:
    return [*map(_rank, SEGMENT.findall(text)), (END, 0, "")]


def _rank(segment: str) -> Order:
    if segment.isdigit():
        return (NUMBER, int(segment), "")
    return ({"~": TILDE, "^": CARET}.get(segment, WORD), 0, segment)


def with_epoch(evr: str) -> str:
    """EPOCH:VERSION-RELEASE with the epoch, too: 0 where none is written."""
    return evr if ":" in evr else f"0:{evr}"


def without_zero(evr: str) -> str:
    """The same without an epoch of 0, as people write it."""
    return evr.removeprefix("0:")
