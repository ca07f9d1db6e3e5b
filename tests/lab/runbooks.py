"""The runbooks as a person runs them: a process, its exit code, its two streams."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.places import Instance
from tests.conftest import merged
from tests.lab.laboratory import CHECKOUT

SHIPPED = CHECKOUT / "config.yaml"
INVENTORY = {"hosts": "inventory/hosts.yaml", "groups": "inventory/groups.yaml", "defaults": "lab/defaults.yaml"}
OPTIONS = {"hosts": "host_file", "groups": "group_file", "defaults": "defaults_file"}
TRACES_OF_A_FAULT = ("Traceback", "a fault of Kubepeer", 'File "')


@dataclass(frozen=True)
class Answer:
    """A runbook that has ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def text(self) -> str:
        """Everything that was printed."""
        return self.stdout + self.stderr

    @property
    def lines(self) -> list[str]:
        """The lines that say something."""
        return [line for line in self.text.splitlines() if line.strip()]

    @property
    def json(self) -> dict[str, Any]:
        """Standard output, which holds JSON and nothing else."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def changes(self) -> dict[tuple[str, str], str]:
        """Each change with its diff, by host and subject."""
        return {
            (host, change["what"]): change["diff"]
            for phase in self.json["phases"]
            for host, told in phase["hosts"].items()
            for change in told["changes"]
        }

    @property
    def errors(self) -> dict[str, str]:
        """What failed, by host."""
        return {
            host: told["error"]
            for phase in self.json["phases"]
            for host, told in phase["hosts"].items()
            if told["error"]
        }

    def failures(self) -> Iterator[dict[str, Any]]:
        """The checks that did not pass."""
        return (check for check in self.json["checks"] if not check["ok"])

    def _told(self) -> str:
        """Of a run's document what failed in which phase; it is long, and ends with the routes."""
        if not self.stdout.startswith("{"):
            return ""
        lines = [
            f"{phase['title']}, {host}: {told['error'] or 'failed'}"
            for phase in self.json.get("phases", ())
            for host, told in phase["hosts"].items()
            if told["failed"]
        ]
        return "\n".join([*lines, ""])

    def ended(self, code: int) -> "Answer":
        """The same answer, if its exit code is this one and it shows no fault of ours."""
        assert self.code == code, (
            f"exit {self.code} instead of {code}\n{self._told()}{self.stdout[-6000:]}\n{self.stderr[-3000:]}"
        )
        assert not any(trace in self.text for trace in TRACES_OF_A_FAULT), self.text
        return self


@dataclass(frozen=True)
class Runbooks:
    """The runbooks of the checkout, on one configuration."""

    config: Path

    def deploy(self, *arguments: str, deadline: float = 600) -> Answer:
        """python runbooks/deploy.py ARGUMENTS."""
        return self._run("deploy", arguments, deadline)

    def verify(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/verify_routes.py ARGUMENTS."""
        return self._run("verify_routes", arguments, deadline)

    def services(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/verify_services.py ARGUMENTS."""
        return self._run("verify_services", arguments, deadline)

    def drift(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/drift.py ARGUMENTS."""
        return self._run("drift", arguments, deadline)

    def certificates(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/certificates.py ARGUMENTS."""
        return self._run("certificates", arguments, deadline)

    def rotate(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/rotate_passwords.py ARGUMENTS."""
        return self._run("rotate_passwords", arguments, deadline)

    def etcd(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/etcd.py ARGUMENTS."""
        return self._run("etcd", arguments, deadline)

    def drain(self, *arguments: str, deadline: float = 600) -> Answer:
        """python runbooks/drain.py ARGUMENTS."""
        return self._run("drain", arguments, deadline)

    def undrain(self, *arguments: str, deadline: float = 900) -> Answer:
        """python runbooks/undrain.py ARGUMENTS."""
        return self._run("undrain", arguments, deadline)

    def remove(self, *arguments: str, deadline: float = 900) -> Answer:
        """python runbooks/remove_node.py ARGUMENTS."""
        return self._run("remove_node", arguments, deadline)

    def reset(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/reset.py ARGUMENTS."""
        return self._run("reset", arguments, deadline)

    def backup(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/backup.py ARGUMENTS."""
        return self._run("backup", arguments, deadline)

    def restore(self, *arguments: str, deadline: float = 1800) -> Answer:
        """python runbooks/restore.py ARGUMENTS."""
        return self._run("restore", arguments, deadline)

    def upgrade(self, *arguments: str, deadline: float = 1800) -> Answer:
        """python runbooks/upgrade.py ARGUMENTS."""
        return self._run("upgrade", arguments, deadline)

    def rollback(self, *arguments: str, deadline: float = 300) -> Answer:
        """python runbooks/rollback_routers.py ARGUMENTS."""
        return self._run("rollback_routers", arguments, deadline)

    def inventory(self, command: str, *arguments: str, deadline: float = 120) -> Answer:
        """python runbooks/inventory.py COMMAND ARGUMENTS; it has --config after the command."""
        config = [] if self.config == SHIPPED else ["--config", str(self.config)]
        return Runbooks(SHIPPED)._run("inventory", (command, *config, *arguments), deadline)

    def bootstrap(self, *arguments: str, deadline: float = 120) -> Answer:
        """python runbooks/bootstrap.py ARGUMENTS."""
        return self._run("bootstrap", arguments, deadline)

    def start(self, *arguments: str, log: Path, runbook: str = "deploy") -> subprocess.Popen[bytes]:
        """Start a runbook in a process group of its own, as a terminal does."""
        with log.open("wb") as file:
            return subprocess.Popen(
                self._command(runbook, arguments), cwd="/", env=_environment(), stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _command(self, runbook: str, arguments: tuple[str, ...]) -> list[str]:
        # the shipped config.yaml is what is used when nothing is said
        config = [] if self.config == SHIPPED else ["--config", str(self.config)]
        return [sys.executable, str(CHECKOUT / "runbooks" / f"{runbook}.py"), *config, *arguments]

    def _run(self, runbook: str, arguments: tuple[str, ...], deadline: float) -> Answer:
        began = time.monotonic()
        done = subprocess.run(
            self._command(runbook, arguments), cwd="/", env=_environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False, timeout=deadline,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def _environment() -> dict[str, str]:
    """A user's environment, without what would change the width or the colours of the output."""
    return {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "FORCE_COLOR", "PYTHONPATH")}


@dataclass(frozen=True)
class Project:
    """A folder with a configuration for one instance of the lab, and edits to the inventory of the checkout."""

    folder: Path
    namespace: str

    @classmethod
    def of(cls, folder: Path, instance: Instance) -> "Project":
        """The checkout's inventory, for this instance of the lab and with its key; what a run keeps is kept in the folder."""
        (folder / "var" / "lab").mkdir(parents=True)
        (folder / "var" / "lab" / instance.cache.key.name).symlink_to(instance.cache.key)
        return cls(folder, instance.name)

    def edited(self, **edits: Any) -> Runbooks:
        """Runbooks on the inventory with edits.

        Keywords: hosts, groups, defaults, config: what is laid over each file, or the whole text of it.
        """
        options = {}
        for name, file in INVENTORY.items():
            edit = edits.get(name)
            options[OPTIONS[name]] = str(
                CHECKOUT / file if edit is None else self._write(f"{name}.yaml", _text(file, edit))
            )
        shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        ours = {"inventory": {"options": options}, "user_defined": {"namespace": self.namespace}}
        config = edits.get("config") or {}
        text = config if isinstance(config, str) else yaml.safe_dump(merged(merged(shipped, ours), config))
        return Runbooks(self._write("config.yaml", text))

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def _text(file: str, edit: Any) -> str:
    if isinstance(edit, str):
        return edit
    return yaml.safe_dump(merged(yaml.safe_load((CHECKOUT / file).read_text(encoding="utf-8")), edit), sort_keys=False)
