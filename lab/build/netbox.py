"""NetBox, which stands on a machine of its own: the packages of PyPI that it is, by their hashes, and its database with all tables.

Wheels are downloaded by this Python's own pip, as it is configured, and installed in the layer without any network. What only one machine
may know (secrets, a certificate, a token) is made by that machine when it starts for the first time.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

from lab.places import CHECKOUT, FILES, Cache
from lab.processes import run
from lab.topology import Role

REQUIREMENTS = CHECKOUT / "lab" / "netbox" / "requirements.txt"
DATABASE = CHECKOUT / "lab" / "netbox" / "make-database"
OWN_FILES = FILES / Role.NETBOX.value
PYTHON = "3.13"  # of Debian 13
GLIBC = 41  # its minor version there: the manylinux tags up to it fit (PEP 600)
OLDEST_GLIBC = 17
FOLDER = "opt/netbox"
WHEELS = "var/cache/lab-wheels"
SERVICES = ("netbox-first-start.service", "netbox.service", "netbox-worker.service")


def finish(cache: Cache, root: Path, log: Path) -> None:
    """Install NetBox in the root of its layer, whose packages of Debian are there, and make the database."""
    download(cache, log)
    run(["chroot", root, "useradd", "--system", "--home-dir", f"/{FOLDER}", "--shell", "/usr/sbin/nologin", "netbox"],
        log=log)  # fmt: skip
    # for the build: each machine has them laid over its disk, as they are then
    for file in (path for path in OWN_FILES.rglob("*") if path.is_file()):
        target = root / file.relative_to(OWN_FILES)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        target.chmod(0o755 if os.access(file, os.X_OK) else 0o644)
    (root / "etc/netbox").mkdir()
    for name in ("media", "reports", "scripts"):
        (root / FOLDER / name).mkdir()
        shutil.chown(root / FOLDER / name, *_identity(root))
    _install(cache, root, log)
    run(["chroot", root, "systemctl", "enable", *SERVICES], log=log)
    script = Path(WHEELS).parent / DATABASE.name
    shutil.copy(DATABASE, root / script)
    apart = ["unshare", "--net", "--pid", "--fork", "--kill-child", f"--mount-proc={root / 'proc'}"]
    run([*apart, "chroot", root, f"/{script}"], log=log)
    (root / script).unlink()


def download(cache: Cache, log: Path) -> None:
    """Get the wheels; those that are there are not fetched again, and of each the hash is compared."""
    wheels = folder_of_wheels(cache)
    wheels.mkdir(parents=True, exist_ok=True)
    machine = platform.machine()
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC, OLDEST_GLIBC - 1, -1)]
    platforms = [word for tag in (*tags, f"manylinux2014_{machine}") for word in ("--platform", tag)]
    kinds = [word for abi in ("cp313", "abi3", "none") for word in ("--abi", abi)]
    run([sys.executable, "-m", "pip", "download", "--quiet", "--dest", wheels, "--only-binary", ":all:", "--no-deps",
         "--require-hashes", "--implementation", "cp", "--python-version", PYTHON, *kinds, *platforms,
         "--requirement", REQUIREMENTS], log=log)  # fmt: skip


def folder_of_wheels(cache: Cache) -> Path:
    """Where the downloads lie."""
    return cache.path / "wheels-netbox"


def _install(cache: Cache, root: Path, log: Path) -> None:
    shutil.copytree(folder_of_wheels(cache), root / WHEELS)
    shutil.copy(REQUIREMENTS, root / WHEELS)
    venv = f"/{FOLDER}/venv"
    run(["chroot", root, "python3", "-m", "venv", venv], log=log)
    run(["chroot", root, f"{venv}/bin/pip", "--isolated", "install", "--quiet", "--no-index", "--find-links", f"/{WHEELS}",
         "--no-deps", "--require-hashes", "--requirement", f"/{WHEELS}/{REQUIREMENTS.name}"], log=log)  # fmt: skip
    shutil.rmtree(root / WHEELS)


def _identity(root: Path) -> tuple[int, int]:
    """NetBox's user, as the root's own /etc/passwd has it."""
    lines = (root / "etc/passwd").read_text(encoding="utf-8").splitlines()
    words = next(line.split(":") for line in lines if line.startswith("netbox:"))
    return int(words[2]), int(words[3])
