"""What a person says to restore.py: which backup, and by the cluster's name that what stands may be lost."""

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from rich.console import Console

from kubepeer.commandline import CommandLine
from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from kubepeer.memory import Memory
from kubepeer.opening import Opening, know_hosts
from kubepeer.run import Run
from tasks.backup import archive, encryption
from tasks.backup import document as documents
from tasks.backup.archive import Content
from tasks.backup.arguments import refuse_external_etcd


@dataclass(frozen=True)
class Opened:
    """A backup that was read.

    Attributes:
        content: but the snapshot.
        snapshot: a file without a name, that is gone with the process.

    """

    content: Content
    snapshot: IO[bytes]


OPENED = Memory[Opened]("the backup")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those that are this runbook's own."""
    add = parser.add_argument
    add("file", type=Path, metavar="BACKUP", help="the backup: a file that backup.py has made")
    add(
        "--cluster",
        metavar="NAME",
        help="the cluster's name: what it has in etcd now may be lost; --dry-run shows what that is",
    )
    add(
        "--identity",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a private key that decrypts it with age; gpg finds its own; repeatable",
    )
    add(
        "--over-living",
        action="store_true",
        help="also where the cluster lives: it is set back to the backup; where an earlier run has put it back already: once more",
    )


def checked(given: CommandLine, intent: Intent) -> CommandLine:
    """The command line as it is.

    Raises:
        UsageError: it does not say that it is meant.

    """
    if given.groups or given.hosts:
        raise UsageError(
            "--group and --host have no meaning here: all control planes are restored. Nothing was contacted."
        )
    refuse_external_etcd(intent)
    named, name = given.further["cluster"], intent.cluster.name
    if not given.dry_run and named != name:
        said = (
            f"--cluster {named}: the inventory's is {name}"
            if named
            else f"say --cluster {name}: what it has in etcd now may be lost"
        )
        raise UsageError(f"{said}. Nothing was contacted.", cure="--dry-run shows what is lost, and the whole order")
    return given


def meet(run: Run, console: Console) -> None:
    """The backup is read to its end before anything is contacted, and its age told."""
    document = opened(run).content.document
    taken = f"{document.taken:%Y-%m-%d %H:%M:%S} UTC, {documents.age(document.taken, datetime.now(UTC))}"
    line = f" {document.cluster}: backup of {taken}, by {document.by}; etcd at revision {document.snapshot.revision}"
    console.print(line, soft_wrap=True, highlight=False, markup=False)
    know_hosts(run, console)


def opened(run: Run) -> Opened:
    """The backup that the command line names, read once, every byte held to what its document says.

    Raises:
        UsageError: it cannot be read, decrypted or believed.

    """

    def read() -> Opened:
        path: Path = run.options.further["file"]
        run.settings.state.mkdir(parents=True, exist_ok=True)
        snapshot = tempfile.TemporaryFile(dir=run.settings.state)  # noqa: SIM115  for as long as the process
        try:
            with encryption.opened(path, run.options.further["identity"]) as source:
                return Opened(archive.read(source, snapshot.write), snapshot)
        except UsageError as error:
            if error.message.startswith(str(path)):
                raise
            raise UsageError(f"{path}: {error.message}", cure=error.cure) from error
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from error

    return run.once(OPENED, read)


OPENING = Opening(arguments=arguments, selection=checked, meet=meet)
