"""Safe YAML by libyaml where PyYAML was built with it (PyYAML's manual), which takes a tenth of the time."""

from typing import Any

import yaml

try:
    from yaml import CSafeDumper as SafeDumper
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeDumper, SafeLoader  # type: ignore[assignment]

__all__ = ["SafeLoader", "as_text", "load"]


def load(text: str | bytes) -> Any:
    """The one document of a text; None of an empty one.

    Raises:
        yaml.YAMLError: it is no YAML, or has several documents.

    """
    return yaml.load(text, Loader=SafeLoader)


def as_text(document: Any) -> str:
    """A document as a person reads it, keys in their order by name. How long lines are broken may differ where libyaml is not there."""
    text: str = yaml.dump(document, Dumper=SafeDumper, sort_keys=True, default_flow_style=False)
    return text
