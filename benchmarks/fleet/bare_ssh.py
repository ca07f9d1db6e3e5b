"""What looking at a fleet costs at least: paramiko connects to every host, runs one script, and keeps the connection.

    python -m benchmarks.fleet.bare_ssh FOLDER HOSTS SCRIPT

As many threads as Kubepeer's runner has, and the host keys are checked: each against the one line that is the host's. Printed are the
seconds of all, connect and execution, as JSON.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko

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


def main() -> None:
    """Look at all hosts once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("script", type=Path)
    given = parser.parse_args()
    known = [line.split() for line in (given.folder / "known_hosts").read_text(encoding="utf-8").splitlines()]
    key, script = paramiko.Ed25519Key.from_private_key_file(str(given.folder / "key")), given.script.read_bytes()
    began = time.monotonic()

    def one(line: list[str]) -> paramiko.Transport:
        address, _, port = line[0].removeprefix("[").partition("]:")
        host_key = paramiko.hostkeys.HostKeyEntry.from_line(" ".join(line)).key
        return look(address, int(port), host_key, key, script)

    with ThreadPoolExecutor(WORKERS) as pool:
        opened = list(pool.map(one, known))
    print(json.dumps({"seconds": time.monotonic() - began}))
    for transport in opened:
        transport.close()


if __name__ == "__main__":
    main()
