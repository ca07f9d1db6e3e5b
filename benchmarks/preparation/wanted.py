"""What a prepared node has, as data for another tool: what Kubepeer says that it has changed, and the files as they lie there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.access import ssh_command
from lab.places import Instance
from lab.processes import run
from lab.topology import Machine

BEFORE_PACKAGES = ("/etc/apt/sources.list.d/", "/etc/yum.repos.d/", "/etc/pki/rpm-gpg/")
SYSCTLS = "/etc/sysctl.d/90-kubepeer.conf"
PACKAGES = "packages"
SERVERS_OF_THE_PACKAGE = ("chrony's own servers", "/etc/chrony/chrony.conf")
"""A change that is no file's, and whose file it is about."""


def of_machine(lab: Instance, node: Machine, changes: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Variables of one machine, in the words of both tools' documentation.

    Args:
        lab: which instance.
        node: a machine that is prepared.
        changes: Kubepeer's changes from a bare machine: subject -> diff.
        folder: where copies of its files are put.

    """
    paths = [subject for subject in changes if subject.startswith("/")]
    if SERVERS_OF_THE_PACKAGE[0] in changes:
        paths.append(SERVERS_OF_THE_PACKAGE[1])
    packages = _packages(changes[PACKAGES])
    by_apt = any(path.startswith(BEFORE_PACKAGES[0]) for path in paths)
    return {
        "ansible_host": node.address,
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "manager": "apt" if by_apt else "dnf",
        "repositories": [_copy(lab, node, path, folder) for path in paths if path.startswith(BEFORE_PACKAGES)],
        "files": [_copy(lab, node, path, folder) for path in paths if not path.startswith(BEFORE_PACKAGES)],
        "modules": _named(changes, "kernel module "),
        "sysctls": _sysctls(lab, node),
        "packages": [name for name, version in packages.items() if not version],
        "pinned": {name: version for name, version in packages.items() if version},
        # "unit NAME", or "unit NAME restart" of one whose file is another
        "units": list(dict.fromkeys(name.split()[0] for name in _named(changes, "unit "))),
        "stopped": _named(changes, "firewall "),
        "time_unit": "chrony" if by_apt else "chronyd",
    }


def _named(changes: Mapping[str, str], kind: str) -> list[str]:
    return [subject.removeprefix(kind) for subject in changes if subject.startswith(kind)]


def _packages(diff: str) -> dict[str, str]:
    """Package -> version, "" where any will do: the lines of the change that are to come."""
    lines = [line[1:].split() for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    return {name: version[0] if version else "" for name, *version in lines}


def _on(lab: Instance, node: Machine, script: str) -> str:
    return run(ssh_command(lab, node, [script]))


def _copy(lab: Instance, node: Machine, path: str, folder: Path) -> dict[str, str]:
    """A file's copy, and where it belongs; its mode as the tools want it."""
    target = folder / path.lstrip("/").replace("/", "_")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_on(lab, node, f"cat {path}"), encoding="utf-8")
    return {"src": str(target), "dest": path, "mode": f"0{_on(lab, node, f'stat -c %a {path}').strip()}"}


def _sysctls(lab: Instance, node: Machine) -> dict[str, str]:
    rows = _on(lab, node, f"cat {SYSCTLS}").splitlines()
    return {key.strip(): value.strip() for key, _, value in (row.partition("=") for row in rows if "=" in row)}
