"""What a person says to backup.py: where backups lie, who may read them, how many stay."""

import argparse
from pathlib import Path

from kubepeer.commandline import CommandLine
from kubepeer.errors import UsageError
from kubepeer.intent import Intent
from kubepeer.opening import Opening
from tasks.backup.encryption import program_for, refuse_missing


def arguments(parser: argparse.ArgumentParser) -> None:
    """Those that are this runbook's own."""
    add = parser.add_argument
    add(
        "--to",
        type=Path,
        metavar="DIR",
        help="the folder of the backups (default: cluster-backups in the folder of the state)",
    )
    add(
        "--recipient",
        action="append",
        default=[],
        metavar="KEY",
        help="who may read it: a public key of age or SSH, a file of such keys, or a key that gpg knows; repeatable",
    )
    add(
        "--keep",
        type=_count,
        metavar="N",
        help="so many backups of this cluster stay there; older ones go when the new one is verified",
    )
    add("--metrics", type=Path, metavar="FILE", help="write metrics for the textfile collector of Prometheus")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def checked(given: CommandLine, intent: Intent) -> CommandLine:
    """The command line as it is.

    Raises:
        UsageError: it asks for what there is not: a part of a backup, a program, another's etcd.

    """
    if given.groups or given.hosts:
        raise UsageError(
            "--group and --host have no meaning here: a backup is of the whole cluster. Nothing was contacted."
        )
    refuse_missing(program_for(given.further["recipient"]))
    refuse_external_etcd(intent)
    return given


def refuse_external_etcd(intent: Intent) -> None:
    """Refuse where etcd is somebody else's.

    Raises:
        UsageError: it is.

    """
    if not intent.kubeadm.stacked_etcd:
        raise UsageError(
            "etcd is not on the control planes (kubeadm.external_etcd). Nothing was contacted.",
            cure="back it up and restore it where it is",
        )


OPENING = Opening(arguments=arguments, selection=checked)
