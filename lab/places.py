"""Where the lab keeps things: the cache, the files of one instance, the record of what runs."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.topology import Machine, Role

CHECKOUT = Path(__file__).resolve().parent.parent
FILES = CHECKOUT / "lab" / "files"
STANDINS = CHECKOUT / "lab" / "standins"
RUNTIME = Path("/run/kubepeer")
# The instance's name is also the name of a bridge: the kernel ends interface names at 15 characters.
INSTANCE_NAME = re.compile(r"[a-z][a-z0-9-]{0,14}")


@dataclass(frozen=True)
class Cache:
    """Everything that was built or downloaded, outside the checkout; it may be deleted at any time while no lab is up."""

    path: Path

    @property
    def base(self) -> Path:
        """The root that all machines share."""
        return self.path / "base"

    def layer(self, role: Role) -> Path:
        """What a role's machines have on top of the base."""
        return self.path / "layers" / role.value

    @property
    def apt(self) -> Path:
        """Apt's lists and downloads, apart from the host's own."""
        return self.path / "apt"

    @property
    def go(self) -> Path:
        """Go's modules and what the compiler keeps."""
        return self.path / "go"

    def modules(self, project: str) -> Path:
        """The note that a project's modules have come."""
        return self.path / "programs" / f"{project}.modules"

    def programs(self, project: str) -> Path:
        """The programs that were built of a project (lab/programs)."""
        return self.path / "programs" / project

    @property
    def packages(self) -> Path:
        """Our Debian packages of Kubernetes, of the version that clusters are built with."""
        return self.path / "packages"

    def packages_of(self, version: str) -> Path:
        """Those of another version."""
        return self.path / f"packages-{version}"

    @property
    def downloads(self) -> Path:
        """What debootstrap downloads."""
        return self.path / "debootstrap"

    @property
    def images(self) -> Path:
        """Work on container images."""
        return self.path / "images"

    @property
    def mirror(self) -> Path:
        """All that the mirror serves; the machine has it as /srv, so what is built while it is up is served at once."""
        return self.path / "mirror"

    def repository(self, name: str) -> Path:
        """The apt repository of a Debian release that the mirror serves."""
        return self.mirror / "apt" / name

    def served(self, place: str) -> Path:
        """What the mirror serves at a place, which has slashes as the address has them."""
        return self.mirror / place

    @property
    def registry(self) -> Path:
        """The storage of the mirror's container registry."""
        return self.mirror / "registry"

    @property
    def manifests(self) -> Path:
        """The manifests that the mirror serves."""
        return self.mirror / "manifests"

    @property
    def key(self) -> Path:
        """The private key that opens every machine of every instance."""
        return self.path / "keys" / "id_ed25519"


@dataclass(frozen=True)
class Instance:
    """One lab. Several can run side by side under different names."""

    name: str
    cache: Cache

    @property
    def path(self) -> Path:
        """The disks and keys of this instance's machines."""
        return self.cache.path / "instances" / self.name

    @property
    def runtime(self) -> Path:
        """What is true only while the instance is up: pid files, mounts."""
        return RUNTIME / "instances" / self.name

    def disk(self, machine: Machine) -> Path:
        """The folder with a machine's disks."""
        return self.path / "machines" / machine.name

    def root(self, machine: Machine) -> Path:
        """Where a machine's root file system is mounted while it runs."""
        return self.runtime / machine.name / "root"

    def namespace(self, machine: Machine) -> str:
        """The name of a machine's network namespace."""
        return f"{self.name}-{machine.name}"


def cache() -> Cache:
    """The cache folder: KUBEPEER_CACHE, else ~/.cache/kubepeer."""
    return Cache(Path(os.environ.get("KUBEPEER_CACHE") or Path.home() / ".cache" / "kubepeer").absolute())


def instance() -> Instance:
    """The instance that the environment names: KUBEPEER_LAB, else kubepeer-lab."""
    name = os.environ.get("KUBEPEER_LAB") or "kubepeer-lab"
    if not INSTANCE_NAME.fullmatch(name):
        raise LabError(f"KUBEPEER_LAB={name}: use at most 15 small letters, digits and hyphens, a letter first")
    return Instance(name, cache())
