"""Debian's Chromium without a screen, in the root that the lab has built for it, by the DevTools protocol over two pipes."""

import base64
import json
import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from lab.build.base import base_of, release_of
from lab.build.builder import build
from lab.places import Cache
from lab.progress import Progress
from lab.topology import Role

SECONDS = 120  # for one answer: a busy machine is no fault
PAGES = "/pages"
# Namespaces of its own, without any network: a page that wants something from elsewhere does not get it. The upper layer is in
# memory. No sandbox of its own: it is root in a root of its own, and shows pages of ours alone.
START = f"""set -e; mount --make-rprivate /; mount -t tmpfs none "$0"; mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay none -o "lowerdir=$1,upperdir=$0/upper,workdir=$0/work" "$0/root"
mkdir "$0/root{PAGES}"; mount --bind "$2" "$0/root{PAGES}"; mount -t proc none "$0/root/proc"; mount --rbind /dev "$0/root/dev"
exec chroot "$0/root" env -i HOME=/tmp PATH=/usr/bin:/bin chromium-headless-shell --headless --no-sandbox --disable-gpu \
  --disable-dev-shm-usage --hide-scrollbars --user-data-dir=/tmp/profile --remote-debugging-pipe 3<&"$3" 4>&"$4\""""


def layers(cache: Cache) -> list[Path]:
    """The browser's root, the topmost layer first; built where it is not."""
    build(cache, Progress(Console(stderr=True)), {Role.BROWSER})
    return [cache.layer(Role.BROWSER), base_of(cache, release_of(Role.BROWSER))]


@dataclass
class Browser:
    """One browser with one page."""

    asks: int
    answers: int
    session: str = ""
    problems: list[str] = field(default_factory=list)
    _number: int = 0
    _rest: bytes = b""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what the page says meanwhile is kept where it is a problem."""
        self._number += 1
        number = self._number
        said: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        os.write(self.asks, json.dumps(said | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while (message := self._next(deadline, method)).get("id") != number:
            self._note(message)
        assert "error" not in message, f"{method}: {message['error']}"
        result: dict[str, Any] = message["result"]
        return result

    def open(self, name: str) -> None:
        """Load a page of the folder, and wait until it is there."""
        deadline = time.monotonic() + SECONDS
        self.ask("Page.navigate", url=f"file://{PAGES}/{name}")
        while self.value("document.readyState") != "complete" or self.value("location.pathname") != f"{PAGES}/{name}":
            assert time.monotonic() < deadline, f"{name} was not loaded within {SECONDS} s"

    def value(self, expression: str) -> Any:
        """What an expression gives on the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def size(self, width: int, height: int) -> None:
        """The window's size in pixels of CSS."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefers(self, scheme: str, media: str = "") -> None:
        """Light or dark; with media "print" as it is printed."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)

    def screenshot(self) -> bytes:
        """What is in the window, as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=False)["data"])

    def _next(self, deadline: float, waits_for: str) -> Mapping[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self.answers, selectors.EVENT_READ)
            while b"\0" not in self._rest:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                assert ready, f"no answer to {waits_for} within {SECONDS} s"
                data = os.read(self.answers, 1 << 20)
                assert data, f"the browser has ended, asked for {waits_for}"
                self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def _note(self, message: Mapping[str, Any]) -> None:
        """Keep what the console of the page shows as a warning or an error, and whatever was thrown or refused."""
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(str(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.problems.append(str(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.problems.append(str(parameters["entry"]))


@contextmanager
def browser(roots: list[Path], pages: Path, scratch: Path, log: Path) -> Iterator[Browser]:
    """A browser for a folder of pages; ended with all its processes.

    Args:
        roots: its file system, the topmost layer first.
        pages: the folder.
        scratch: an empty folder, to mount on.
        log: what it says goes there.

    """
    their_end, asks = os.pipe()
    answers, their_answers = os.pipe()
    words = [START, scratch, ":".join(map(str, roots)), pages, their_end, their_answers]
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", *map(str, words)]
    with log.open("wb") as said:
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=(their_end, their_answers)
        )
    os.close(their_end)
    os.close(their_answers)
    try:
        found = Browser(asks, answers)
        target = found.ask("Target.createTarget", url="about:blank")["targetId"]
        found.session = found.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            found.ask(f"{domain}.enable")
        yield found
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text(errors='replace')[-2000:]}") from error
    finally:
        os.close(asks)
        os.close(answers)
        started.kill()  # of its namespace of processes, all others end with the first
        started.wait()
