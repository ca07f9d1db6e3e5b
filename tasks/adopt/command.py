"""The command of runbooks/adopt.py: an inventory of routers alone from a live cluster. No router is contacted, and no file overwritten."""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from rich.console import Console

from kubepeer.errors import KubepeerError, UsageError
from kubepeer.intent import Intent
from kubepeer.intent.load import load_intent
from kubepeer.intent.prefixes import announced
from kubepeer.namespace import enter
from kubepeer.secret import Redactor
from kubepeer.settings import read_settings, read_yaml
from kubepeer.streams import outlive_readers
from tasks.adopt import members, written
from tasks.adopt.arguments import api_of, of_hosts_file, parser, router
from tasks.adopt.found import LEFT_OUT, Found, found
from tasks.adopt.peers import spoken
from tasks.adopt.reading import read_cluster
from tasks.adopt.written import Adopted, Wanted
from tasks.cluster.direct import ready
from tasks.platforms.platform import PLATFORMS

SHIPPED_GROUPS = Path(__file__).resolve().parents[2] / "inventory" / "groups.yaml"
WIDTH = 140
DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NOT_WRITTEN = "Nothing was written."
USUAL_LIMIT, ROOM = 1000, 1.25  # of prefixes: Kubepeer's own default, and some for services with a route of their own


def main(description: str | None, arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code of the contract.

    Args:
        description: for --help.
        arguments: instead of the process's own.

    """
    outlive_readers()
    given = parser(description).parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    redactor = Redactor()
    try:
        adopted = _adopted(given, redactor)
        _write(given.to, adopted)
    except KubepeerError as error:
        console.print(redactor.hide(str(error)), style="red", markup=False, soft_wrap=True)
        return error.exit_code
    _tell(console, given.to, adopted)
    return 0


def _adopted(given: argparse.Namespace, redactor: Redactor) -> Adopted:
    """All that is written; everything that can be refused before the API is asked is refused before."""
    _refuse_existing(given.to)
    wanted = (*map(router, given.router), *(of_hosts_file(given.hosts) if given.hosts else ()))
    api, keys, called = api_of(given, redactor)
    name = given.name or called
    if not DNS_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a cluster. {NOT_WRITTEN}", cure="--name, of small letters, digits and hyphens"
        )
    enter(given.namespace)
    ready(api)
    seen = read_cluster(api)
    known = found(seen)
    routers, left = written.joined(known.routers, wanted)
    _refuse_strangers(wanted, known, {router.address for router, _ in routers}, named=bool(given.router))
    if not routers:
        raise _nobody(known)
    adopted = Adopted(name, keys, known, routers, left, given.username, given.namespace)
    speaks = spoken(seen.speaking, speakers=known.speakers)
    return _with_limit(
        given.to, adopted, lambda intent: intent.model_copy(update={"nodes": members.nodes(intent, speaks)})
    )


def _refuse_existing(folder: Path) -> None:
    for name in (written.CONFIG, written.HOSTS, written.GROUPS, written.DEFAULTS):
        if (folder / name).exists():
            raise UsageError(
                f"{folder / name} is there already, and nothing is overwritten. Nothing was contacted.",
                cure="another --to",
            )


def _refuse_strangers(wanted: Sequence[Wanted], known: Found, taken: set[IPv4Address], *, named: bool) -> None:
    """A router that was named, and that no node peers with: of a hosts file others are left alone."""
    strangers = [router for router in wanted if router.address not in taken and not router.further]
    if named and strangers:
        raise UsageError(
            f"{strangers[0].name}: no BGPPeer of the cluster names {strangers[0].address}. {NOT_WRITTEN}",
            cure=f"those that are named: {_listed(known)}",
        )


def _listed(known: Found) -> str:
    return ", ".join(f"{router.address} (AS {router.as_number})" for router in known.routers) or "none"


def _nobody(known: Found) -> UsageError:
    arguments = " ".join(f"--router {router.name}={router.address}:PLATFORM" for router in known.routers)
    if not arguments:
        left_out = [line for line in known.unknown if LEFT_OUT in line]
        return UsageError(
            f"no router is left: {'; '.join(left_out)}. {NOT_WRITTEN}", cure="an inventory by hand (docs/adopt.md)"
        )
    return UsageError(
        f"the nodes peer with {_listed(known)}, and what platform these are of the cluster does not know. {NOT_WRITTEN}",
        cure=f"{arguments}, with {', '.join(PLATFORMS)}; or --hosts FILE",
    )


def _with_limit(folder: Path, adopted: Adopted, completed: Callable[[Intent], Intent]) -> Adopted:
    """The same, with a limit of prefixes that full pools do not reach."""
    intent = completed(_checked(folder, replace(adopted, maximum_prefixes=sys.maxsize)))
    most = max(announced(intent, router, PLATFORMS).prefixes for router in intent.routers)
    limit = None if most * ROOM <= USUAL_LIMIT else int(most * ROOM)
    adopted = replace(adopted, maximum_prefixes=limit)
    _checked(folder, adopted)
    return adopted


def _checked(folder: Path, adopted: Adopted) -> Intent:
    """The files pass the inventory's own check, beside the folder that they are for."""
    with tempfile.TemporaryDirectory(prefix="kubepeer-adopt-") as trial:
        for name, text in _texts(adopted).items():
            (Path(trial) / name).write_text(text, encoding="utf-8")
        try:
            return load_intent(read_settings(Path(trial) / written.CONFIG), PLATFORMS)
        except KubepeerError as error:
            raise UsageError(
                f"what was read of the cluster is no inventory that Kubepeer takes: {error.message.replace('Nothing was contacted.', '')}"
                f"{NOT_WRITTEN} ({folder})",
                cure=error.cure or "say it in an inventory by hand (docs/adopt.md)",
            ) from error


def _texts(adopted: Adopted) -> dict[str, str]:
    return written.files(adopted, read_yaml(SHIPPED_GROUPS, "inventory/groups.yaml"))


def _write(folder: Path, adopted: Adopted) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in _texts(adopted).items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}", cure="another --to") from error


def _tell(console: Console, folder: Path, adopted: Adopted) -> None:
    def line(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    routers = ", ".join(f"{router.name} ({router.platform}, AS {as_number})" for router, as_number in adopted.routers)
    line(f"{adopted.name}: {routers}. Written to {folder}: {', '.join(_texts(adopted))}.")
    line("Not known, or not modelled; it stands at the head of groups.yaml, too:")
    for unknown in adopted.unknown:
        line(f"- {unknown}")
    line(f"Then: python runbooks/verify_routes.py --config {folder / written.CONFIG}")
