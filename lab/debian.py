"""Debian packages for the lab: from the host's own mirrors, through an apt apart from the host's own.

Nothing is installed on the host and the host's package lists are not touched. The mirrors and suites are those
of the host; only the release's name is replaced where a machine is of another release than the host.
"""

import os
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError, Unsupported
from lab.processes import run

# Nodes run the newer one, but for a worker; the mirror, the routers but for one, and the images the older one.
RELEASE = "bookworm"
NEXT_RELEASE = "trixie"
UNSTABLE = "sid"
"""It moves on: the machine that stands on it is an optional one. It has no suites beside itself, and needs none."""
COMPONENT = "main"
ARCHIVE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.*)$")


@dataclass(frozen=True)
class Source:
    """One mirror and one suite on it."""

    uri: str
    suite: str

    def line(self) -> str:
        """The line of a sources.list."""
        return f"deb [signed-by={ARCHIVE_KEYRING}] {self.uri} {self.suite} {COMPONENT}"


def host_release(os_release: Path = Path("/etc/os-release")) -> tuple[str, str]:
    """The host's distribution and its release's name, such as debian and bookworm."""
    pairs = (line.split("=", 1) for line in os_release.read_text().splitlines() if "=" in line)
    values = {key: value.strip('"') for key, value in pairs}
    return values.get("ID", ""), values.get("VERSION_CODENAME", "")


def _stanzas(text: str) -> Iterator[tuple[str, str, str]]:
    """(uri, suite, components) of a deb822 file."""
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield uri, suite, fields.get("components", "")


def _one_liners(text: str) -> Iterator[tuple[str, str, str]]:
    """(uri, suite, components) of a file in the one-line style."""
    for line in text.splitlines():
        if found := _ONE_LINE.match(line.strip()):
            yield found["uri"], found["suite"], found["components"]


def host_sources(folder: Path = Path("/etc/apt"), wanted: str = RELEASE) -> tuple[Source, ...]:
    """The mirrors of the host's own release, in the wanted release; or the one mirror that the environment names."""
    if mirror := os.environ.get("KUBEPEER_DEBIAN_MIRROR"):
        return (Source(mirror.rstrip("/"), wanted),)
    distribution, release = host_release()
    if distribution != "debian":
        raise Unsupported(f"the host runs {distribution or 'an unknown system'} and so has no Debian mirror in its "
                          "apt sources: name one in KUBEPEER_DEBIAN_MIRROR")  # fmt: skip
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found: list[Source] = []
    for file in (one for one in files if one.is_file() and one.suffix in {".list", ".sources"}):
        entries = _stanzas(file.read_text()) if file.suffix == ".sources" else _one_liners(file.read_text())
        for uri, suite, components in entries:
            if COMPONENT in components.split() and re.fullmatch(rf"{release}(-updates|-security)?", suite):
                if wanted == UNSTABLE and suite != release:
                    continue
                found.append(Source(uri.rstrip("/"), suite.replace(release, wanted, 1)))
    if not any(source.suite == wanted for source in found):
        raise LabError(f"{folder}: no apt source for the suite {release} with the component {COMPONENT}")
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Apt:
    """apt-get with lists, downloads and a view of installed packages of its own."""

    folder: Path
    sources: tuple[Source, ...]
    log: Path
    release: str = RELEASE

    @property
    def main_mirror(self) -> str:
        """The mirror of the release itself; debootstrap wants just one."""
        return next(source.uri for source in self.sources if source.suite == self.release)

    @property
    def archives(self) -> Path:
        """Where downloads lie."""
        return self.folder / "archives"

    def _options(self, status: Path) -> list[str]:
        settings = {
            "Dir::Etc::SourceList": self.folder / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State": self.folder / "state",
            "Dir::State::Lists": self.folder / "lists",
            "Dir::State::status": status,
            "Dir::Cache": self.folder,
            "APT::Sandbox::User": "root",
            "APT::Architecture": architecture(),
            "APT::Install-Recommends": "false",
            "APT::Update::Post-Invoke-Success::": "true",
            "Debug::NoLocking": "true",
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def update(self) -> None:
        """Fetch the package lists."""
        for name in ("lists/partial", "archives/partial", "nowhere/partial", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        lines = [source.line() for source in self.sources]
        (self.folder / "sources.list").write_text("\n".join(lines) + "\n")
        run(["apt-get", *self._options(Path("/dev/null")), "-q", "update"], log=self.log)

    def closure(self, packages: Sequence[str], status: Path) -> tuple[Path, ...]:
        """Download packages with all they need beyond what the status file calls installed; apt checks the sums."""
        self.archives.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", *self._options(status), "-q", "-y", "install"]
        # --print-uris leaves out what has been downloaded already: it is shown a folder that is always empty.
        listed = run([*command, "-o", f"Dir::Cache::archives={self.folder / 'nowhere'}", "--print-uris", *packages])
        names = re.findall(r"^'\S+' (\S+\.deb) \d+ ", listed, re.MULTILINE)
        run([*command, "--download-only", *packages], log=self.log)
        return tuple(self.archives / name for name in names)

    def download(self, package: str) -> Path:
        """Download one package alone, whatever it depends on; apt checks its sum."""
        self.archives.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", *self._options(Path("/dev/null")), "-q", "download"]
        found = re.search(r"^'\S+' (\S+\.deb) \d+ ", run([*command, "--print-uris", package]), re.MULTILINE)
        if found is None:
            raise LabError(f"there is no package {package} in {self.release}")
        run([*command, package], log=self.log, directory=self.archives)
        return self.archives / found[1]


def architecture() -> str:
    """Debian's name for this machine's processor."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
