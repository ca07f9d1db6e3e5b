"""What a version of Kubernetes, Calico or a load balancer can do and needs: read from versions.yaml, where each row names its source. Pure.

The file is read when the first question is asked, and once.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kubepeer import safe_yaml

DATA = Path(__file__).with_name("versions.yaml")
Project = Literal["kubernetes", "kubeadm", "calico", "purelb", "metallb"]
NAMES = {"kubernetes": "Kubernetes", "kubeadm": "kubeadm", "calico": "Calico", "purelb": "PureLB", "metallb": "MetalLB"}


@dataclass(frozen=True)
class CalicoMinor:
    """What goes with a minor version of Calico.

    Attributes:
        operator: the minor version of the tigera operator.
        tested: the minor versions of Kubernetes that the project says it tests with.

    """

    operator: str
    tested: tuple[str, ...]


def number(version: str) -> tuple[int, ...]:
    """A version as numbers that compare: 3.24.5 before 3.30.0."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def released(version: str) -> tuple[int, ...]:
    """The numbers of a version that may be no release's own: 1.36.3 of v1.36.3-rc.1+k3s1; (0,) of what is no version."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return number(found[1]) if found else (0,)


def minor(version: str) -> str:
    """The minor version: 3.24 of v3.24.5."""
    return ".".join(version.removeprefix("v").split(".")[:2])


def has(project: Project, version: str, feature: str) -> bool:
    """Whether a version of a project has a feature of versions.yaml.

    Raises:
        KeyError: the table has no such feature: a mistake of the caller.

    """
    row = _table()["features"][project][feature]
    until = row.get("until")
    return number(version) >= number(row["since"]) and (until is None or number(version) < number(until))


def since(project: Project, feature: str) -> str:
    """The first version that has a feature."""
    first: str = _table()["features"][project][feature]["since"]
    return first


def supported(project: Project) -> tuple[str, str]:
    """The first and the last minor version that Kubepeer builds."""
    row = _table()["supported"][project]
    return row["first"], row["last"]


def is_supported(project: Project, version: str) -> bool:
    """Whether Kubepeer builds that version."""
    first, last = supported(project)
    within = number(first) <= number(minor(version)) <= number(last)
    return within or version in _table()["also"].get(project, ())


def containerd_for(version: str) -> tuple[str, str]:
    """The least containerd that serves a version of Kubernetes, and the first Kubernetes that needs it."""
    rows = _table()["containerd"]
    first: str = max((one for one in rows if number(one) <= number(version)), key=number)
    return rows[first]["least"], first


def calico(version: str) -> CalicoMinor:
    """What goes with a version of Calico.

    Raises:
        KeyError: it is not supported.

    """
    row = _table()["calico"][minor(version)]
    return CalicoMinor(row["operator"], tuple(row["tested"]))


def calico_for(version: str) -> tuple[str, ...]:
    """The minor versions of Calico that are tested with a version of Kubernetes, the oldest first."""
    return tuple(name for name, row in _table()["calico"].items() if minor(version) in row["tested"])


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = safe_yaml.load(DATA.read_text(encoding="utf-8"))
    return table
