"""Which package manager a node has. Pure."""

from tasks.nodes.managers.apt import Apt
from tasks.nodes.managers.manager import PackageManager
from tasks.nodes.managers.rpm import Rpm
from tasks.nodes.systems import RPM, System


def manager_of(system: System) -> PackageManager:
    """By the family of its system; a machine of Debian's may have a dnf, too."""
    if system.family == RPM:
        return Rpm("yum" if system.manager == "yum" else "dnf", system.release)
    return Apt()
