"""The inventory as a backup keeps it: three files, also where it stands in a source of truth, which may be gone when they are needed."""

import hashlib

import yaml

from kubepeer.intent.files import Files
from kubepeer.run import Run


def inventory_files(run: Run) -> dict[str, bytes]:
    """What is in the files of the inventory, by what they are called in a backup."""
    settings = run.settings
    defaults = settings.defaults_file.read_bytes()
    if settings.given is None:
        hosts, groups = settings.host_file.read_bytes(), settings.group_file.read_bytes()
    else:
        read = Files(settings)
        hosts, groups = (yaml.safe_dump(one, sort_keys=False).encode() for one in (read.hosts, read.groups))
    return {"hosts.yaml": hosts, "groups.yaml": groups, "defaults.yaml": defaults}


def inventory_digests(run: Run) -> dict[str, str]:
    """The same names, each with the SHA-256 of what is in it now."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in inventory_files(run).items()}
