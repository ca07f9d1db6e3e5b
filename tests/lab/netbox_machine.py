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
from tests.lab.runbooks import Project, Runbooks
from tests.unit.netbox.tutorial import TABLE

URL = f"https://{NETBOX.address}"
BUILD_SECONDS = 1800
ENTER_SECONDS = 300
CERTIFICATE, ADMINISTRATOR, VIEWER = "certificate.pem", "token", "viewer"
CLUSTER = {"tag": "k8s-calico"}


@dataclass(frozen=True)
class NetBox:
    """The machine, and a folder with its certificate and two tokens: the administrator's, and one that may view."""

    lab: Laboratory
    folder: Path

    def runbooks(self, folder: Path, defaults: str | None = None, **options: Any) -> Runbooks:
        """Runbooks whose inventory is this NetBox; the group file says nothing of the cluster."""
        given = {
            "url": URL, "token": {"file": str(self.folder / VIEWER)}, "ca_file": str(self.folder / CERTIFICATE),
            "filter_parameters": CLUSTER, "prefix_parameters": CLUSTER, "map": TABLE, "host_file": None,
        }  # fmt: skip
        return Project.of(folder, self.lab.instance).edited(
            groups={"fabric": {"data": None}},
            defaults=defaults,
            config={"inventory": {"plugin": "NetBox", "options": given | options}},
        )

    def ask(self, query: str, *words: str) -> tuple[int, Any]:
        """The status and the body of a GET, with the viewer's token unless words say otherwise."""
        token = () if words else ("--token", str(self.folder / VIEWER))
        status, body = json.loads(_program(self.lab, "ask", self.folder, query, *token, *words))
        return status, body


@contextmanager
def up(lab: Laboratory, folder: Path) -> Iterator[NetBox]:
    """A NetBox with the cluster; at the end it is gone."""
    _away(lab)
    lab.must("up", NETBOX.name, deadline=BUILD_SECONDS)
    try:
        _keep(folder / CERTIFICATE, lab.inside(NETBOX.name, "cat /etc/netbox/certificate.pem"))
        _keep(folder / ADMINISTRATOR, lab.inside(NETBOX.name, "cat /etc/netbox/token"))
        _keep(folder / VIEWER, _program(lab, "enter", folder, deadline=ENTER_SECONDS))
        yield NetBox(lab, folder)
    finally:
        _away(lab)


def _keep(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")


def _program(lab: Laboratory, what: str, folder: Path, *words: str, deadline: float = 60) -> str:
    command = [sys.executable, "-m", "tests.lab.netbox_entry", what, URL, str(folder), *words]
    done = lab.controller(["env", "-C", str(CHECKOUT), *command], deadline=deadline)
    assert done.returncode == 0, f"{what}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    return done.stdout


def _away(lab: Laboratory) -> None:
    lab.lab("cut", NETBOX.name)
    disks.throw_away(lab.instance, NETBOX)
