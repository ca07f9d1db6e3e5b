"""The lab's NetBox: a machine made anew and thrown away, with the cluster of the inventory entered; asked from the controller's network."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import disks
from lab.topology import NETBOX
from tests.lab.laboratory import CHECKOUT, Laboratory
from tests.lab.netbox_entry import ADMINISTRATOR, VIEWER
from tests.lab.runbooks import Project, Runbooks
from tests.unit.netbox.tutorial import TABLE

URL = f"https://{NETBOX.address}"
BUILD_SECONDS = 3600  # most of it are NetBox's migrations, once
ENTER_SECONDS = 600
CERTIFICATE = "certificate.pem"
CLUSTER = {"tag": "k8s-calico"}


@dataclass(frozen=True)
class NetBox:
    """The machine, and a folder with its certificate and the tokens."""

    lab: Laboratory
    folder: Path

    def runbooks(self, folder: Path, defaults: str | None = None, **options: Any) -> Runbooks:
        """Runbooks whose inventory is this NetBox, with the token of one who may view; the group file says nothing of the cluster."""
        given = {
            "url": URL, "token": {"file": str(self.folder / VIEWER)}, "ca_file": str(self.folder / CERTIFICATE),
            "filter_parameters": CLUSTER, "prefix_parameters": CLUSTER, "map": TABLE, "host_file": None,
        }  # fmt: skip
        return Project.of(folder, self.lab.instance).edited(
            groups={"fabric": {"data": None}},
            defaults=defaults,
            config={"inventory": {"plugin": "NetBox", "options": given | options}},
        )

    def ask(self, path: str, token: str = ADMINISTRATOR, change: Any = None) -> tuple[int, Any]:
        """The status and the body of a GET, or of a PATCH; of a token that the folder has not none is sent."""
        words = ["--token", str(self.folder / token), *(["--change", json.dumps(change)] if change else [])]
        status, body = json.loads(_program(self.lab, "ask", self.folder, path, *words))
        return status, body

    def every(self, path: str) -> list[dict[str, Any]]:
        """A whole list, page by page as NetBox gives it."""
        found: list[dict[str, Any]] = []
        while True:
            status, page = self.ask(f"{path}/?offset={len(found)}")
            assert status == 200, page
            found += page["results"]
            if page["next"] is None:
                return found


@contextmanager
def up(lab: Laboratory, folder: Path) -> Iterator[NetBox]:
    """A NetBox with the cluster; at the end it is gone."""
    _away(lab)
    lab.must("up", NETBOX.name, deadline=BUILD_SECONDS)
    try:
        for name in (CERTIFICATE, ADMINISTRATOR):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(lab.inside(NETBOX.name, f"cat /etc/netbox/{name}"), encoding="utf-8")
        _program(lab, "enter", folder, deadline=ENTER_SECONDS)
        yield NetBox(lab, folder)
    finally:
        _away(lab)


def _program(lab: Laboratory, what: str, folder: Path, *words: str, deadline: float = 240) -> str:
    command = [sys.executable, "-m", "tests.lab.netbox_entry", what, URL, str(folder), *words]
    done = lab.controller(["env", "-C", str(CHECKOUT), *command], deadline=deadline)
    assert done.returncode == 0, f"{what}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    return done.stdout


def _away(lab: Laboratory) -> None:
    lab.lab("cut", NETBOX.name)
    disks.throw_away(lab.instance, NETBOX)
