"""What looking at a fleet costs at least: paramiko connects to every host, runs one script, and keeps the connection.

    python -m benchmarks.fleet.bare_ssh FOLDER SCRIPT

As many threads as Kubepeer's runner has, and the host keys are checked: each against the one line that is the host's. Printed are the
seconds of all, connect and execution, as JSON.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
from paramiko.hostkeys import HostKeyEntry

WORKERS = 20


def look(address: str, port: int, host_key: paramiko.PKey, key: paramiko.PKey, script: bytes) -> paramiko.Transport:
    """Connect, and run the script; a host that fails ends the measurement."""
    transport = paramiko.Transport((address, port))
    transport.connect(host_key, "root", pkey=key)
    channel = transport.open_session()
    channel.exec_command("sh -s")
    channel.sendall(script)
    channel.shutdown_write()
    with channel.makefile("rb") as out:
        said = out.read()
    if channel.recv_exit_status() != 0 or not said:
        raise SystemExit(f"{address}: {channel.recv_stderr(2000)!r}")
    return transport


def known(folder: Path) -> list[tuple[str, int, paramiko.PKey]]:
    """Address, port and key of each host in the folder's known_hosts."""
    entries = map(HostKeyEntry.from_line, (folder / "known_hosts").read_text(encoding="utf-8").splitlines())
    of_names = [(entry.hostnames[0].removeprefix("[").partition("]:"), entry.key) for entry in entries if entry]
    return [(address, int(port), key) for (address, _, port), key in of_names]


def main() -> None:
    """Look at all hosts once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("script", type=Path)
    given = parser.parse_args()
    hosts = known(given.folder)
    key, script = paramiko.Ed25519Key.from_private_key_file(str(given.folder / "key")), given.script.read_bytes()
    began = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        opened = list(pool.map(lambda host: look(*host, key, script), hosts))
    print(json.dumps({"seconds": time.monotonic() - began}))
    for transport in opened:
        transport.close()


if __name__ == "__main__":
    main()
