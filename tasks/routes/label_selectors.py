"""Which labels a LabelSelector of Kubernetes takes (apimachinery, meta/v1: LabelSelectorAsSelector). Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

Selector = Mapping[str, Any]


def any_matches(selectors: Iterable[Selector], labels: Mapping[str, str]) -> bool:
    """Whether one of them matches."""
    return any(matches(selector, labels) for selector in selectors)


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    """A LabelSelector of Kubernetes (meta/v1): all of matchLabels and matchExpressions; an empty one matches everything."""
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds_for(one, labels) for one in expressions
    )


def _holds_for(expression: Selector, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
