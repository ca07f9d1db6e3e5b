"""Small rpm packages and repositories of them, made by the rpmbuild of a root; the index is written here, as createrepo_c does it."""

import gzip
import hashlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.render.programs import Said, overlaid

FLAGS = {"=": "EQ", ">=": "GE"}


@dataclass(frozen=True)
class Package:
    """An empty package of every architecture.

    Attributes:
        tags: of its spec file: Provides, Requires, Conflicts, Obsoletes.

    """

    name: str
    version: str
    release: str
    epoch: int = 0
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> str:
        """As rpmbuild calls it."""
        return f"{self.name}-{self.version}-{self.release}.noarch.rpm"

    @property
    def spec(self) -> str:
        """The spec file."""
        tags = "".join(f"{key}: {value}\n" for key, value in (("Epoch", str(self.epoch)), *self.tags))
        return (
            f"Name: {self.name}\nVersion: {self.version}\nRelease: {self.release}\nSummary: x\nLicense: x\n"
            f"BuildArch: noarch\n{tags}%description\nx\n%files\n"
        )


def build(layers: Sequence[Path], folder: Path, packages: Sequence[Package], key: str = "") -> Said:
    """Build packages into a folder, which is /mnt there, with the programs of a root; sign them where a key's owner is named."""
    (folder / "specs").mkdir(parents=True)
    for number, package in enumerate(packages):
        (folder / "specs" / f"{number}.spec").write_text(package.spec)
    sign = f"""
        export GNUPGHOME=/mnt/gpg; mkdir -m 700 -p $GNUPGHOME
        gpg -q --batch --passphrase '' --quick-generate-key '{key}' rsa3072 sign never
        gpg -q --armor --export >/mnt/key
        rpmsign --define '__gpg /usr/bin/gpg' --define '_gpg_name {key}' --addsign /mnt/*.rpm
        gpgconf --kill all"""
    script = f"""set -e
        mount -t proc proc /proc
        rpmbuild -bb --quiet --define '_topdir /tmp/build' --define '_rpmdir /mnt' \\
            --define '_build_name_fmt %%{{NAME}}-%%{{VERSION}}-%%{{RELEASE}}.%%{{ARCH}}.rpm' /mnt/specs/*.spec{sign if key else ""}
    """
    return overlaid(layers, folder, ["sh", "-c", textwrap.dedent(script)])


def index(folder: Path, packages: Sequence[Package]) -> None:
    """The metadata of a folder of packages."""
    entries = "".join(_entry(folder, package) for package in packages)
    primary = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns="http://linux.duke.edu/metadata/common" '
        f'xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="{len(packages)}">{entries}</metadata>'
    ).encode()
    packed = gzip.compress(primary, mtime=0)
    (folder / "repodata").mkdir(exist_ok=True)
    (folder / "repodata/primary.xml.gz").write_bytes(packed)
    (folder / "repodata/repomd.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>'
        f'<data type="primary"><checksum type="sha256">{hashlib.sha256(packed).hexdigest()}</checksum>'
        f'<open-checksum type="sha256">{hashlib.sha256(primary).hexdigest()}</open-checksum>'
        f'<location href="repodata/primary.xml.gz"/><timestamp>1</timestamp><size>{len(packed)}</size>'
        f"<open-size>{len(primary)}</open-size></data></repomd>\n"
    )


def sign_index(layers: Sequence[Path], folder: Path) -> Said:
    """Sign the metadata with the key that build() has made."""
    script = (
        "export GNUPGHOME=/mnt/gpg; gpg -q --batch --armor --detach-sign /mnt/repodata/repomd.xml && gpgconf --kill all"
    )
    return overlaid(layers, folder, ["sh", "-c", script])


def _entry(folder: Path, package: Package) -> str:
    content = (folder / package.file).read_bytes()
    own = f'<rpm:entry name="{package.name}" flags="EQ" epoch="{package.epoch}" ver="{package.version}" rel="{package.release}"/>'
    relations = {"Provides": [own], "Requires": [], "Conflicts": [], "Obsoletes": []}
    for kind, value in package.tags:
        name, *rest = value.split()
        limit = f' flags="{FLAGS[rest[0]]}" epoch="0" ver="{rest[1]}"' if rest else ""
        relations[kind].append(f'<rpm:entry name="{escape(name)}"{limit}/>')
    lists = "".join(
        f"<rpm:{kind.lower()}>{''.join(entries)}</rpm:{kind.lower()}>" for kind, entries in relations.items() if entries
    )
    return (
        f'<package type="rpm"><name>{package.name}</name><arch>noarch</arch>'
        f'<version epoch="{package.epoch}" ver="{package.version}" rel="{package.release}"/>'
        f'<checksum type="sha256" pkgid="YES">{hashlib.sha256(content).hexdigest()}</checksum><summary>x</summary>'
        f'<description>x</description><packager/><url/><time file="1" build="1"/>'
        f'<size package="{len(content)}" installed="0" archive="0"/><location href="{package.file}"/>'
        f"<format><rpm:license>x</rpm:license><rpm:group>x</rpm:group>{lists}</format></package>"
    )
