"""The loader of safe YAML: libyaml's parser where PyYAML was built with it (PyYAML's manual), which takes a tenth of the time."""

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

__all__ = ["SafeLoader"]
