"""Which operating system a node has, what belongs to its family, and what it cannot carry: by systems.yaml, which names its sources. Pure.

The file is read when the first question is asked, and once.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubepeer import safe_yaml, versions
from tasks.linux.observe import Answer
from tasks.nodes.repository import minor_of

DATA = Path(__file__).with_name("systems.yaml")
APT, RPM = "apt", "rpm"

# os-release(5). Of the managers dnf is taken where both are: on a system that has it, yum is another name of it.
QUESTION = """. /etc/os-release; echo $ID $ID_LIKE; echo "version $VERSION_ID"
for p in dnf yum; do ! command -v $p >/dev/null || { echo "manager $p"; break; }; done"""


@dataclass(frozen=True)
class Places:
    """What is elsewhere on another family of systems."""

    kubelet_file: str
    repositories: str  # the keys of the inventory that say where packages come from


PLACES = {
    APT: Places("/etc/default/kubelet", "packages.repositories and packages.keyrings"),
    RPM: Places("/etc/sysconfig/kubelet", "packages.rpm_repositories"),
}


@dataclass(frozen=True)
class System:
    """An operating system, as it says itself.

    Attributes:
        name: ID of os-release(5).
        like: ID_LIKE, the nearest first.
        version: VERSION_ID; "" where it has none (Debian's testing and unstable).
        manager: dnf or yum; "" where neither is there.

    """

    name: str = ""
    like: tuple[str, ...] = ()
    version: str = ""
    manager: str = ""

    @property
    def family(self) -> str:
        """APT or RPM; "" for a system of neither."""
        listed = _systems()
        return next((str(listed[name]["family"]) for name in (self.name, *self.like) if name in listed), "")

    @property
    def places(self) -> Places:
        """Its names of units and files; Debian's for a system of no family, which preflight refuses."""
        return PLACES[self.family or APT]

    @property
    def release(self) -> int | None:
        """The number of the release: 9 of 9.4; None where it does not say."""
        found = re.match(r"\d+", self.version)
        return int(found[0]) if found else None


def read(answer: Answer) -> System:
    """The answer to QUESTION; a machine without an os-release has a system of no name."""
    names, *rest = (answer.text.splitlines() if answer.code == 0 else []) or [""]
    said = dict(line.partition(" ")[::2] for line in rest)
    name, *like = names.split() or [""]
    return System(name, tuple(like), said.get("version", "").strip(), said.get("manager", "").strip())


def by_family(*, apt: str, rpm: str) -> str:
    """A command of the shell: the one or the other, as the machine's os-release says."""
    patterns = "|".join(f'*" {name} "*' for name, row in _systems().items() if row["family"] == RPM)
    return f'. /etc/os-release\ncase " $ID $ID_LIKE " in\n{patterns}) {rpm};;\n*) {apt};;\nesac'


def refusals(system: System, kernel: str, kubernetes: str, *, member: bool) -> Iterator[str]:
    """Why this system cannot carry that Kubernetes, each with its cure.

    Args:
        system: what the node is.
        kernel: its release, as uname gives it.
        kubernetes: the version that is asked for.
        member: it is a member already, and has been living with it.

    """
    if not system.family:
        said = " ".join((system.name, *system.like)) or "the system"
        yield f"{said} is not supported: {', '.join(sorted(_systems()))} are"
        return
    if _position(system) < 0:
        yield f"{system.name} {system.version} is too old: use {_range(system.name)}"
    if system.family == RPM and not system.manager:
        yield "neither dnf nor yum is there: install dnf"
    row = None if member else _lacking_kernel(kernel, kubernetes)
    if row:
        yield (
            f"kernel {kernel}: Kubernetes {kubernetes} needs {row['least']}, else {row['why']}: "
            f"use Kubernetes {versions.minor(str(_last_for(kernel)))} or older, or a newer kernel"
        )


def remark(system: System) -> str:
    """What is not refused, and what whoever runs it should know; "" for a release that is listed."""
    if not system.family:
        return ""
    if system.name not in _systems():
        known = next(name for name in system.like if name in _systems())
        return f"{system.name} is not listed, taken as {known}"
    if _position(system) > 0:
        return f"{system.name} {system.version or 'without a version'} is not listed ({_range(system.name)} are)"
    return ""


def _position(system: System) -> int:
    """Before (-1), among (0) or after (1) the releases that are listed; what does not say its number is newer, or another's."""
    if system.name not in _systems():
        return 0
    releases = _systems()[system.name]["releases"]
    own = minor_of(f"{system.version}.0")
    numbers = [versions.number(release) for release in releases]
    if own is None:
        return 1
    if own[: len(numbers[0])] < numbers[0]:
        return -1
    return 0 if own[: len(numbers[0])] in numbers else 1


def _range(name: str) -> str:
    first, *_, last = _systems()[name]["releases"]
    return f"{first} to {last}"


def _lacking_kernel(kernel: str, kubernetes: str) -> dict[str, Any] | None:
    """The row that this kernel does not satisfy."""
    own, wanted = minor_of(kernel), versions.number(kubernetes)
    for row in _table()["kernels"]:
        within = versions.number(row["since"]) <= wanted and (
            row["until"] is None or wanted < versions.number(row["until"])
        )
        if within and own and own < versions.number(row["least"]):
            return dict(row)
    return None


def _last_for(kernel: str) -> str:
    """The last minor version of Kubernetes before the first that this kernel cannot carry."""
    first = next(
        row["since"] for row in _table()["kernels"] if (minor_of(kernel) or ()) < versions.number(row["least"])
    )
    major, minor, *_ = versions.number(first)
    return f"{major}.{minor - 1}"


def _systems() -> dict[str, Any]:
    systems: dict[str, Any] = _table()["systems"]
    return systems


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = safe_yaml.load(DATA.read_text(encoding="utf-8"))
    return table
