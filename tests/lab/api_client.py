"""A client of the API through its virtual IP: a request every 0.2 s, each on a connection of its own and never repeated; what came of them.

Run as a program in the controller's network: ADDRESS PORT FOLDER, which holds ca.crt, client.crt and client.key; it writes FOLDER/requests.
"""

import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from tests.lab.laboratory import VIRTUAL_IP, Laboratory

PAUSE_SECONDS = 0.2
TIMEOUT_SECONDS = 10  # of one request; a haproxy that looks for another apiserver takes three at most
PATHS = (
    "/readyz",
    "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
)  # the apiserver's own answer, and one that etcd has
NOT_READY = "not ready: "
PORT = 8443
END_SECONDS = 30


@dataclass(frozen=True)
class Requests:
    """What came of them.

    Attributes:
        count: of all.
        failures: when (seconds after the first), what was asked and what came.
        not_ready: how often an apiserver said of itself that it is not ready: /readyz is asked that, and the one who has just been told
            to stop says so until haproxy's next look; any other request it answers.
        slowest: seconds of the slowest one that was answered.
        gap: the longest time between two answers.

    """

    count: int
    failures: tuple[tuple[float, str, str], ...]
    not_ready: int
    slowest: float
    gap: float

    @classmethod
    def of(cls, lines: list[list[Any]]) -> "Requests":
        """From what the program has written: began, ended, path, "" or what was wrong."""
        first = lines[0][0] if lines else 0.0
        good = [line for line in lines if not line[3]]
        wrong = [line for line in lines if line[3] and not line[3].startswith(NOT_READY)]
        ends = [line[1] for line in good]
        return cls(
            len(lines),
            tuple((line[0] - first, line[2], line[3]) for line in wrong),
            len(lines) - len(good) - len(wrong),
            max((line[1] - line[0] for line in good), default=0.0),
            max((later - sooner for sooner, later in pairwise(ends)), default=0.0),
        )

    def __str__(self) -> str:
        return (
            f"{self.count} requests, {len(self.failures)} failed, {self.not_ready} not ready; "
            f"slowest {self.slowest:.2f} s, longest gap {self.gap:.2f} s"
        )


class ApiClient:
    """The client at work, as a block."""

    def __init__(self, lab: Laboratory, folder: Path, files: dict[str, str]) -> None:
        self._lab, self._folder = lab, folder
        for name, text in files.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")

    def __enter__(self) -> Self:
        checkout = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-m", "tests.lab.api_client", VIRTUAL_IP, str(PORT), str(self._folder)]
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", self._lab.name, *command],
            cwd=checkout, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return self

    def stop(self) -> Requests:
        """End it; what came of its requests."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(END_SECONDS)
        said = (self._folder / "log").read_text(encoding="utf-8", errors="replace")
        assert code == 0, said
        lines = (self._folder / "requests").read_text(encoding="utf-8").splitlines()
        return Requests.of([json.loads(line) for line in lines])

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(END_SECONDS)
        self._log.close()


def _ask(address: str, port: int, context: ssl.SSLContext, path: str) -> str:
    """One request; "" where it was answered with 200, else what came."""
    connection = http.client.HTTPSConnection(address, port, timeout=TIMEOUT_SECONDS, context=context)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return _wrong(path, answer.status, body.decode("utf-8", "replace"))


def _wrong(path: str, status: int, body: str) -> str:
    if status == http.HTTPStatus.OK:
        return ""
    failed = [line for line in body.splitlines() if line.startswith("[-]")]
    if path == "/readyz" and failed:
        return NOT_READY + "; ".join(failed)
    return f"{status}: {body[:200]!r}"


def main(address: str, port: str, folder: str) -> None:
    """Ask until SIGTERM."""
    context = ssl.create_default_context(cafile=Path(folder, "ca.crt"))
    context.load_cert_chain(Path(folder, "client.crt"), Path(folder, "client.key"))
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    with Path(folder, "requests").open("w", encoding="utf-8") as file:
        number = 0
        while not ended:
            path = PATHS[number % len(PATHS)]
            number += 1
            began = time.time()
            wrong = _ask(address, int(port), context, path)
            file.write(json.dumps([began, time.time(), path, wrong]) + "\n")
            time.sleep(max(0.0, began + PAUSE_SECONDS - time.time()))


if __name__ == "__main__":
    main(*sys.argv[1:])
