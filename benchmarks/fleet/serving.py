"""One process that plays all hosts of a fleet: an SSH server on each of their loopback addresses, with a host key of its own.

    python -m benchmarks.fleet.serving FOLDER HOSTS [--port PORT] [--seconds SECONDS] [--takes]

Whoever logs in with the key FOLDER/key and pipes a script of tasks.linux.observe into a shell gets the recorded answers at once. What
is not recorded fails, and is told: a measurement of something else must not pass for one. FOLDER/known_hosts has the keys when the
word `ready` is printed; the end of the standard input ends it.

With --takes, scripts that change something are taken for done, and written into FOLDER/taken: a line for each when it begins, with the
machine and the script's digest. So a test can tell what was done twice. The lock of a run is taken so, too, as the script `run lock`;
without it another run has it on every machine.
"""

import argparse
import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncssh

from benchmarks.fleet.machines import CHECKOUT, MARK, PORT, Machine, Recording, fleet, known_as, recorded
from tasks.linux.run_lock import LOCK_FILE

NOT_RECORDED = 127
RUN_LOCK = "run lock"
Take = Callable[[Machine, str], None]


async def _answer(
    recording: Recording,
    seconds: float,
    take: Take | None,
    machine: Machine,
    process: "asyncssh.SSHServerProcess[bytes]",
) -> None:
    command = process.command or ""
    if LOCK_FILE in command:  # whoever holds the machine: as long as its input is open
        if take:
            take(machine, RUN_LOCK)
        process.stdout.write(b"taken\n" if take else b"held 3 another run\n")
        await process.stdin.read()
        process.exit(0)
        return
    script = (await process.stdin.read()).decode()
    if take and not (MARK.search(script) or script.startswith("cat ")):
        take(machine, command + script)
        await asyncio.sleep(seconds)
        process.exit(0)
        return
    await asyncio.sleep(seconds)
    try:
        said = recording.said(script, machine)
        process.stdout.write(said or b"")
        process.exit(0 if said is not None else 1)
    except LookupError as error:
        line = f"{machine.name}: not recorded: {error}\n"
        sys.stderr.write(line)
        process.stderr.write(line.encode())
        process.exit(NOT_RECORDED)


def _taking(file: Path) -> Take:
    """Writes down what changes a machine."""
    into = file.open("a", encoding="utf-8", buffering=1)

    def take(machine: Machine, script: str) -> None:
        into.write(f"{machine.name} {hashlib.sha256(script.encode()).hexdigest()}\n")

    return take


async def serve(folder: Path, hosts: int, port: int = PORT, seconds: float = 0.0, *, takes: bool = False) -> None:
    """Serve until the standard input ends.

    Args:
        folder: of the project.
        hosts: how many.
        port: that all listen on.
        seconds: that each answer takes.
        takes: whether what changes a machine is taken for done.

    """
    take = _taking(folder / "taken") if takes else None
    machines, recording = fleet(hosts), recorded()
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)
    client = asyncssh.import_authorized_keys(key.export_public_key().decode())
    lines = []
    for machine in machines:
        own = asyncssh.generate_private_key("ssh-ed25519")
        lines.append(f"{known_as(machine, port)} {' '.join(own.export_public_key().decode().split()[:2])}\n")
        await asyncssh.listen(
            machine.listens,
            port,
            server_host_keys=[own],
            authorized_client_keys=client,
            process_factory=partial(_answer, recording, seconds, take, machine),
            encoding=None,
            reuse_address=True,
        )
    (folder / "known_hosts").write_text("".join(lines), encoding="utf-8")
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def served(folder: Path, hosts: int, *options: str) -> Iterator[None]:
    """A process of its own that serves so many hosts, until the end."""
    command = [sys.executable, "-m", __spec__.name, str(folder), str(hosts), *options]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        said, ends = server.stdout, server.stdin
        if said is None or ends is None or said.readline().strip() != "ready":
            raise SystemExit("the fleet does not serve")
        try:
            yield
        finally:
            ends.close()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("hosts", type=int)
    parser.add_argument("--port", type=int, default=PORT, help="that all listen on")
    parser.add_argument("--seconds", type=float, default=0.0, help="that each answer takes")
    parser.add_argument("--takes", action="store_true", help="what changes a machine is taken for done")
    given = parser.parse_args()
    asyncio.run(serve(given.folder, given.hosts, given.port, given.seconds, takes=given.takes))


if __name__ == "__main__":
    main()
