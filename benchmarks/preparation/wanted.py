"""What a prepared node has, as data for another tool: read from the machine itself."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.access import ssh_command
from lab.places import Instance
from lab.processes import run
from lab.topology import Machine

REPOSITORIES = ("/etc/apt/sources.list.d/", "/etc/yum.repos.d/")
PACKAGES = ("kubelet", "kubeadm", "kubectl", "cri-tools")
"""Those that are pinned and held; the others are taken as they come."""


def of_machine(lab: Instance, node: Machine, changes: Iterable[str], folder: Path) -> dict[str, Any]:
    """Variables of one machine, in the words of both tools' documentation.

    Args:
        lab: which instance.
        node: a machine that is prepared.
        changes: the subjects of Kubepeer's changes, from a bare machine.
        folder: where copies of its files are put.

    """
    subjects = list(dict.fromkeys(changes))
    paths = [subject for subject in subjects if subject.startswith("/")]
    # "unit NAME", or "unit NAME restart" of one whose file is another
    units = dict.fromkeys(subject.split()[1] for subject in subjects if subject.startswith("unit "))
    return {
        "ansible_host": node.address,
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "repositories": [_copy(lab, node, path, folder) for path in paths if path.startswith(REPOSITORIES)],
        "files": [_copy(lab, node, path, folder) for path in paths if not path.startswith(REPOSITORIES)],
        "modules": [one.removeprefix("kernel module ") for one in subjects if one.startswith("kernel module ")],
        "sysctls": _sysctls(lab, node),
        "packages": _packages(lab, node),
        "pinned": {name: _version(lab, node, name) for name in PACKAGES},
        "units": list(units),
    }


def _on(lab: Instance, node: Machine, script: str) -> str:
    return run(ssh_command(lab, node, [script]))


def _copy(lab: Instance, node: Machine, path: str, folder: Path) -> dict[str, str]:
    """A file's copy, and where it belongs; its mode as the tools want it."""
    target = folder / path.lstrip("/").replace("/", "_")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_on(lab, node, f"cat {path}"), encoding="utf-8")
    return {"src": str(target), "dest": path, "mode": f"0{_on(lab, node, f'stat -c %a {path}').strip()}"}


def _sysctls(lab: Instance, node: Machine) -> dict[str, str]:
    rows = _on(lab, node, "cat /etc/sysctl.d/90-kubepeer.conf").splitlines()
    return {key.strip(): value.strip() for key, _, value in (row.partition("=") for row in rows if "=" in row)}


def _packages(lab: Instance, node: Machine) -> list[str]:
    """What Kubepeer asked apt for beside Kubernetes: what was marked as installed by hand, and is on no bare machine."""
    names = _on(lab, node, "zcat -f /var/log/apt/history.log* | sed -n 's/^Commandline: .* --allow-downgrades //p'")
    return sorted({word for word in names.split() if "=" not in word})


def _version(lab: Instance, node: Machine, name: str) -> str:
    return _on(lab, node, f"dpkg-query -W -f '${{Version}}' {name}").strip()
