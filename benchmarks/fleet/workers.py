"""Dask's scheduler and workers of Kubepeer's on the loopback, as processes of their own, for a project of the fleet."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.fleet.machines import CHECKOUT

START_SECONDS = 180
KEY = "a key that is as long as a key must be, and known to everybody"


@dataclass
class Serving:
    """What runs.

    Attributes:
        address: of the scheduler.
        config: the project's config.yaml, with these workers as its runner.
        logs: a file for each process.

    """

    address: str
    config: Path
    scheduler: "subprocess.Popen[bytes]"
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)


def with_workers(config: Path, address: str, threads: int, tls: dict[str, str]) -> Path:
    """A configuration beside a project's own that names workers; gives the file."""
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    options = {"num_workers": threads, "address": address, "key": {"file": "workers.key"}} | (
        {"tls": tls} if tls else {}
    )
    document["runner"] = {"plugin": "dask", "options": options}
    beside = config.with_name(f"{config.stem}.dask.yaml")
    beside.write_text(yaml.safe_dump(document), encoding="utf-8")
    return beside


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind((address, 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path, count: int, threads: int = 20, tls: dict[str, str] | None = None) -> Iterator[Serving]:
    """Run a scheduler and so many workers for the project in a folder.

    Args:
        folder: of the project.
        count: how many.
        threads: of each.
        tls: files in the folder (ca, certificate, key), where the wire is to be encrypted.

    """
    key = folder / "workers.key"
    key.write_text(KEY, encoding="utf-8")
    key.chmod(0o600)
    port = free_port()
    address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
    config = with_workers(folder / "config.yaml", address, threads, tls or {})
    with ExitStack() as stack:

        def start(name: str, *command: str) -> "subprocess.Popen[bytes]":
            log = folder / f"{name}.log"
            file = stack.enter_context(log.open("wb"))
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, *command], cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=file, stderr=file
                )
            )
            stack.callback(process.kill)
            running.logs.append(log)
            return process

        running = Serving(address, config, None)  # type: ignore[arg-type]
        scheduler = ["-m", "distributed.cli.dask_scheduler", "--host", address, "--no-dashboard"]
        scheduler += ["--dashboard-address", "127.0.0.1:0"]  # it listens there all the same
        for option, name in zip(("--tls-ca-file", "--tls-cert", "--tls-key"), (tls or {}).values(), strict=False):
            scheduler += [option, str(folder / name)]
        running.scheduler = start("scheduler", *scheduler)
        for number in range(count):
            running.workers.append(start(f"worker-{number}", "runbooks/worker.py", "--config", str(config)))
        _wait_for(running)
        yield running


def _wait_for(running: Serving) -> None:
    ends = time.monotonic() + START_SECONDS
    while not all(b"works at" in log.read_bytes() for log in running.logs[1:]):
        if time.monotonic() > ends or any(one.poll() is not None for one in (running.scheduler, *running.workers)):
            said = "".join(log.read_text(errors="replace")[-2000:] for log in running.logs)
            raise SystemExit(f"the workers do not work:\n{said}")
        time.sleep(0.1)
