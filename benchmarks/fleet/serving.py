"""One process that plays all hosts of a fleet: an SSH server on each of their loopback addresses, with a host key of its own.

    python -m benchmarks.fleet.serving FOLDER HOSTS

Whoever logs in with the key FOLDER/key and pipes a script of tasks.linux.observe into a shell gets the recorded answers at once. What
is not recorded fails, and is told: a measurement of something else must not pass for one. FOLDER/known_hosts has the keys when the
word `ready` is printed; the end of the standard input ends it.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncssh

from benchmarks.fleet.machines import CHECKOUT, PORT, Machine, Recording, fleet, known_as, recorded

NOT_RECORDED = 127


async def _answer(recording: Recording, machine: Machine, process: "asyncssh.SSHServerProcess[bytes]") -> None:
    script = (await process.stdin.read()).decode()
    try:
        said = recording.said(script, machine)
        process.stdout.write(said or b"")
        process.exit(0 if said is not None else 1)
    except LookupError as error:
        line = f"{machine.name}: not recorded: {error}\n"
        sys.stderr.write(line)
        process.stderr.write(line.encode())
        process.exit(NOT_RECORDED)


async def serve(folder: Path, hosts: int) -> None:
    """Serve until the standard input ends."""
    machines, recording = fleet(hosts), recorded()
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)
    client = asyncssh.import_authorized_keys(key.export_public_key().decode())
    lines = []
    for machine in machines:
        own = asyncssh.generate_private_key("ssh-ed25519")
        lines.append(f"{known_as(machine)} {' '.join(own.export_public_key().decode().split()[:2])}\n")
        await asyncssh.listen(
            machine.listens,
            PORT,
            server_host_keys=[own],
            authorized_client_keys=client,
            process_factory=partial(_answer, recording, machine),
            encoding=None,
            reuse_address=True,
        )
    (folder / "known_hosts").write_text("".join(lines), encoding="utf-8")
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def served(folder: Path, hosts: int) -> Iterator[None]:
    """A process of its own that serves so many hosts, until the end."""
    command = [sys.executable, "-m", __spec__.name, str(folder), str(hosts)]
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
    given = parser.parse_args()
    asyncio.run(serve(given.folder, given.hosts))


if __name__ == "__main__":
    main()
