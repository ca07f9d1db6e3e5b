"""The storage of the mirror's registry, written as docker-registry itself would.

Layout: github.com/distribution/distribution, registry/storage/paths.go (version 2, unchanged since 2015). Writing it
directly spares a registry and a client at build time, and an image that is built while the lab is up is there at once.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
# Layers are not compressed: the mirror is next door and unpacking costs processors that the cluster needs.
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Blob:
    """Something stored under its own checksum."""

    digest: str
    size: int

    def described(self, media_type: str) -> dict[str, str | int]:
        """How a manifest speaks of it."""
        return {"mediaType": media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Registry:
    """The storage folder of a registry."""

    path: Path

    @property
    def _top(self) -> Path:
        return self.path / "docker" / "registry" / "v2"

    def _repository(self, name: str) -> Path:
        return self._top / "repositories" / name

    def blob_file(self, digest: str) -> Path:
        """Where a blob lies."""
        hexadecimal = digest.removeprefix("sha256:")
        return self._top / "blobs" / "sha256" / hexadecimal[:2] / hexadecimal / "data"

    def tag_folder(self, name: str, tag: str) -> Path:
        """Where a tag lies."""
        return self._repository(name) / "_manifests" / "tags" / tag

    def add_file(self, file: Path) -> Blob:
        """Store a file, which is gone from where it was."""
        with file.open("rb") as opened:
            digest = f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
        blob = Blob(digest, file.stat().st_size)
        target = self.blob_file(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.chmod(0o644)
        shutil.move(file, target)
        return blob

    def add_bytes(self, content: bytes) -> Blob:
        """Store some bytes."""
        blob = Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        target = self.blob_file(blob.digest)
        if not target.exists():
            _write(target, content)
        return blob

    def tag(self, name: str, tag: str, config: bytes, layers: list[Blob]) -> Blob:
        """Store an image under a name and a tag."""
        configuration = self.add_bytes(config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": configuration.described(CONFIG_TYPE),
            "layers": [layer.described(LAYER_TYPE) for layer in layers],
        }
        stored = self.add_bytes(json.dumps(manifest, indent=1).encode())
        repository = self._repository(name)
        for blob in (configuration, *layers):
            _link(repository / "_layers" / "sha256" / blob.digest.removeprefix("sha256:"), blob.digest)
        hexadecimal = stored.digest.removeprefix("sha256:")
        _link(repository / "_manifests" / "revisions" / "sha256" / hexadecimal, stored.digest)
        _link(self.tag_folder(name, tag) / "index" / "sha256" / hexadecimal, stored.digest)
        _link(self.tag_folder(name, tag) / "current", stored.digest)
        return stored

    def untag(self, name: str, tag: str) -> None:
        """Forget a tag."""
        shutil.rmtree(self.tag_folder(name, tag))

    def has(self, note: Path) -> bool:
        """Whether the blob that a note speaks of (its digest) is there and intact."""
        try:
            return self._intact(json.loads(note.read_text())["digest"])
        except (OSError, ValueError, KeyError):
            return False

    def tags(self) -> dict[str, str]:
        """Every NAME:TAG and the digest of its manifest."""
        top = self._top / "repositories"
        found = {}
        for link in top.glob("**/_manifests/tags/*/current/link"):
            tag = link.parents[1].name
            name = str(link.parents[4].relative_to(top))
            found[f"{name}:{tag}"] = link.read_text()
        return found

    def damaged(self) -> list[str]:
        """Every NAME:TAG of which a part is missing or does not have its checksum."""
        bad: list[str] = []
        verdicts: dict[str, bool] = {}
        for image, digest in sorted(self.tags().items()):
            parts = [digest, *self._parts(digest)]
            for part in parts:
                if part not in verdicts:
                    verdicts[part] = self._intact(part)
            if not all(verdicts[part] for part in parts):
                bad.append(image)
        return bad

    def _parts(self, digest: str) -> list[str]:
        try:
            manifest = json.loads(self.blob_file(digest).read_bytes())
            return [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
        except (OSError, ValueError, KeyError):
            return []

    def _intact(self, digest: str) -> bool:
        try:
            with self.blob_file(digest).open("rb") as file:
                return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}" == digest
        except OSError:
            return False

    def sweep(self) -> None:
        """Remove the blobs that no tag leads to any more."""
        used = {part for digest in self.tags().values() for part in (digest, *self._parts(digest))}
        for data in (self._top / "blobs" / "sha256").glob("*/*/data"):
            if f"sha256:{data.parent.name}" not in used:
                shutil.rmtree(data.parent)


def _link(folder: Path, digest: str) -> None:
    _write(folder / "link", digest.encode())


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(file)
