"""A project of the fleet with Dask's scheduler and workers of Kubepeer's, all as processes of their own on the loopback."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from benchmarks.fleet.machines import CHECKOUT, fleet, inventory

SUDO, MIRROR = "a sudo password that nobody else may read", "a-mirrors-password-that-nobody-else-may-read"
SECONDS = re.compile(r"\d+\.\d+(?= s\b)|(?<=\"seconds\": )\d+\.\d+")
# of a password that is made anew by every run, in threads, too
GENERATED = re.compile(r'(?<=kubepeer\.io/configuration: )(\\?"[0-9a-f]{16}\\?")')
DEADLINE = 180
ESTABLISHED = "01"  # of /proc/net/tcp


def without_times(text: str) -> str:
    """What a run has said, without how long it took."""
    lines = [re.sub(r" +T", " T", SECONDS.sub("T", line)) for line in text.splitlines()]
    return GENERATED.sub("(generated)", "\n".join(lines))


def secret(folder: Path, name: str, value: str) -> dict[str, str]:
    (folder / name).write_text(value)
    (folder / name).chmod(0o600)
    return {"file": name}


def write_project(folder: Path, hosts: int, port: int) -> Path:
    """The files of a project with secrets; gives its config.yaml."""
    documents = inventory(fleet(hosts))
    documents["groups.yaml"]["linux"]["port"] = port
    documents["groups.yaml"]["linux"].setdefault("data", {})["access"] = {"sudo_password": secret(folder, "sudo", SUDO)}
    login = {"username": "reader", "password": secret(folder, "mirror", MIRROR)}
    registries = {"docker.io": {"url": "https://mirror.example", "login": login}}
    documents["defaults.yaml"]["data"]["registries"] = registries
    for file, document in documents.items():
        (folder / file).write_text(yaml.safe_dump(document, sort_keys=False))
    return folder / "config.yaml"


@dataclass
class Runbook:
    """A runbook that was started."""

    process: "subprocess.Popen[str]"
    folder: Path

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, err


def begin(config: Path, *command: str) -> Runbook:
    """Start a runbook on the nodes."""
    arguments = [sys.executable, *command, "--config", str(config), "--group", "kubernetes"]
    process = subprocess.Popen(
        arguments, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return Runbook(process, config.parent)


def done(config: Path, *command: str) -> tuple[int, str, str]:
    return begin(config, *command).end()


def hosts_of(out: str, title: str) -> dict[str, Any]:
    """What a phase did on each host, from the JSON of its run."""
    found: dict[str, Any] = next(phase["hosts"] for phase in json.loads(out)["phases"] if phase["title"] == title)
    return found


def until(holds: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < ends, f"not in time: {what}"
        time.sleep(0.02)


PREPARE = ("-m", "benchmarks.fleet.prepare", "--output", "json")
DRY = ("runbooks/deploy.py", "--dry-run")


def certificates(folder: Path) -> dict[str, str]:
    """A CA and a certificate of it, which both ends show; gives the names of the files."""
    ca, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    of_ca, of_own = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("workers' CA", "kubepeer"))
    now = datetime.now(UTC)
    for name, subject, key in (("ca.pem", of_ca, ca), ("own.pem", of_own, own)):
        made = (
            x509.CertificateBuilder(
                of_ca, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
            )
            .add_extension(x509.BasicConstraints(ca=key is ca, path_length=None), critical=True)
            .sign(ca, SHA256())
        )
        (folder / name).write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "own.key").write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {"ca": "ca.pem", "certificate": "own.pem", "key": "own.key"}


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # closed meanwhile
        return ""


@dataclass
class Running:
    """A project whose hosts are played, and whose workers work."""

    folder: Path
    threaded: Path
    port: int
    serving: Any

    @property
    def config(self) -> Path:
        found: Path = self.serving.config
        return found

    def taken(self) -> Sequence[str]:
        """A line for each script that has changed a machine."""
        file = self.folder / "taken"
        return file.read_text().splitlines() if file.exists() else []

    def connections(self, number: int) -> int:
        """How many SSH connections to the hosts a worker has."""
        fds = Path(f"/proc/{self.serving.workers[number].pid}/fd")
        inodes = {_target(path) for path in fds.iterdir()}
        ours = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        to = f":{self.port:04X}"
        return sum(one[2].endswith(to) and one[3] == ESTABLISHED and f"socket:[{one[9]}]" in inodes for one in ours)

    def kill(self, number: int) -> None:
        self.serving.workers[number].send_signal(signal.SIGKILL)
        self.serving.workers[number].wait()


@contextmanager
def site(
    folder: Path, hosts: int, *options: str, workers: int = 2, threads: int = 4, tls: dict[str, str] | None = None
) -> Iterator[Running]:
    """Hosts that answer as the options of benchmarks.fleet.serving say, and workers for them."""
    from benchmarks.fleet.serving import served  # noqa: PLC0415  asyncssh is not always there
    from benchmarks.fleet.workers import free_port, serving  # noqa: PLC0415

    port = free_port("127.31.0.1")
    threaded = write_project(folder, hosts, port)
    with served(folder, hosts, "--port", str(port), *options), serving(folder, workers, threads, tls) as processes:
        yield Running(folder, threaded, port, processes)
