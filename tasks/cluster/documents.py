"""The objects of a YAML file. Pure."""

import yaml

from tasks.cluster.api import Manifest


def documents(text: str) -> list[Manifest]:
    """The objects of a YAML file, lists taken apart."""
    found: list[Manifest] = []
    for document in yaml.load_all(text, Loader=_LOADER):
        if document:
            found.extend(document["items"] if document.get("kind") == "List" else [document])
    return found


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where PyYAML was built with it: ten times faster
