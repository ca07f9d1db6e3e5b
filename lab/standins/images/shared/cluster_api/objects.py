"""Views of Kubernetes objects as the API server sends them: JSON, read with defaults."""

from typing import Any

Json = dict[str, Any]


def name(item: Json) -> str:
    """Read metadata.name."""
    return str(item["metadata"]["name"])


def namespace(item: Json) -> str:
    """Read metadata.namespace; empty for an object of the whole cluster."""
    return str(item["metadata"].get("namespace", ""))


def qualified_name(item: Json) -> str:
    """Write `namespace/name`, or the name alone for an object of the whole cluster."""
    return f"{namespace(item)}/{name(item)}" if namespace(item) else name(item)


def labels(item: Json) -> dict[str, str]:
    """Read metadata.labels."""
    return dict(item["metadata"].get("labels") or {})


def annotations(item: Json) -> dict[str, str]:
    """Read metadata.annotations."""
    return dict(item["metadata"].get("annotations") or {})


def spec(item: Json) -> Json:
    """Read the whole of spec."""
    return dict(item.get("spec") or {})


def status(item: Json) -> Json:
    """Read the whole of status."""
    return dict(item.get("status") or {})


def covers(live: object, desired: object) -> bool:
    """Say whether all that is desired stands in the live object; what a server defaulted beside it does not count.

    Lists are compared element by element and must be of one length: none of the lists that the stand-ins write is
    extended by a server.
    """
    if isinstance(desired, dict):
        return isinstance(live, dict) and all(key in live and covers(live[key], desired[key]) for key in desired)
    if isinstance(desired, list):
        return isinstance(live, list) and len(live) == len(desired) and all(map(covers, live, desired))
    return live == desired
