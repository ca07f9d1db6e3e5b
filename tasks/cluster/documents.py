"""The objects of a YAML file. Pure."""

import yaml

from kubepeer.safe_yaml import SafeLoader
from tasks.cluster.api import Manifest


def documents(text: str) -> list[Manifest]:
    """The objects of a YAML file, lists taken apart."""
    found: list[Manifest] = []
    for document in yaml.load_all(text, Loader=SafeLoader):
        if document:
            found.extend(document["items"] if document.get("kind") == "List" else [document])
    return found
