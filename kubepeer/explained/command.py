"""The command that explains an inventory: what it comes to and why, and the schema of its files for editors. Contacts no host."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from kubepeer.commandline import DEFAULT_CONFIG, EXIT_CODES, CommandLine, add_selection, select
from kubepeer.conclusion import print_error, print_fault
from kubepeer.display import print_warnings
from kubepeer.errors import KubepeerError, UsageError
from kubepeer.explained.resolved import resolve
from kubepeer.explained.schema import FILES, schema
from kubepeer.explained.text import as_yaml
from kubepeer.explained.tree import Branch, hidden, leaves, plain
from kubepeer.intent.abilities import Platforms
from kubepeer.intent.combinations import warnings
from kubepeer.intent.load import load_intent
from kubepeer.inventory import build_nornir
from kubepeer.namespace import enter
from kubepeer.secret import Redactor
from kubepeer.settings import Settings, read_settings
from kubepeer.sources.gather import gather
from kubepeer.streams import outlive_readers
from kubepeer.whole_file import AS_THE_UMASK_SAYS, write_whole

NAME = "inventory"
PRIVATE = 0o600
Documents = dict[str, Branch]


def main(description: str | None, platforms: Platforms, arguments: Sequence[str] | None = None) -> int:
    """The command: show, or schema; gives the exit code.

    Args:
        description: for --help.
        platforms: those that a router may be of, by name.
        arguments: instead of the process's own.

    """
    outlive_readers()
    began = time.monotonic()
    given = _parser(description).parse_args(arguments)
    console = Console(stderr=True, highlight=False)
    do: Callable[[argparse.Namespace, Platforms, Console], None] = given.do
    try:
        do(given, platforms, console)
    except KubepeerError as error:
        line = _as_others_have_it(given)
        return print_error(NAME, error, console, time.monotonic() - began, line, nothing_written=False)
    except Exception as error:  # noqa: BLE001  the last door: a person gets one line
        return print_fault(error, console, verbose=given.verbose)
    return 0


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=NAME,
        description=description,
        epilog=EXIT_CODES.split(" ·\n4 ")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser(
        "show",
        help="what each host and the cluster come to, with the place that says it",
        description="The inventory as YAML after defaults, groups and hosts; a remark says of each value where it stands.",
    )
    add_selection(show)
    show.add_argument(
        "--resolved", action="store_true", help="what nobody has said, too: Kubepeer's defaults, each of them"
    )
    show.add_argument("--plain", action="store_true", help="without remarks")
    show.add_argument(
        "--output", choices=("table", "json"), default="table", help="json: JSON alone on standard output"
    )
    show.add_argument(
        "--into",
        type=Path,
        metavar="FOLDER",
        help="write hosts.yaml, groups.yaml and defaults.yaml there: an inventory with the very same intent",
    )
    of_schema = commands.add_parser(
        "schema",
        help="JSON schemas of hosts.yaml, groups.yaml and the defaults file, for editors",
        description="JSON schemas (draft 2020-12) of the files of an inventory, made from the model that reads them.",
    )
    of_schema.add_argument("file", nargs="?", choices=FILES, help="whose is printed")
    of_schema.add_argument("--into", type=Path, metavar="FOLDER", help="write all of them there: NAME.schema.json")
    for command, do in ((show, _show), (of_schema, _schema)):
        command.add_argument("--verbose", action="store_true", help="print where errors come from")
        command.set_defaults(do=do, parser=command)
    return parser


def _as_others_have_it(given: argparse.Namespace) -> CommandLine:
    return CommandLine(
        config=getattr(given, "config", DEFAULT_CONFIG),
        groups=tuple(getattr(given, "groups", ())),
        hosts=tuple(getattr(given, "hosts", ())),
        dry_run=True,
        detailed_exitcode=False,
        workers=None,
        output=getattr(given, "output", "table"),
        junit=None,
        report=None,
        verbose=given.verbose,
        wait_seconds=0.0,
    )


def _show(given: argparse.Namespace, platforms: Platforms, console: Console) -> None:
    filtered = bool(given.groups or given.hosts)
    if given.into and filtered:
        raise UsageError("--into writes the whole inventory: some of its hosts would be another cluster.")
    settings = read_settings(given.config)
    if settings.source:
        enter(settings.namespace)  # a source of truth is reached as it is for every other runbook
        settings = gather(settings)
    intent = load_intent(settings, platforms)
    nornir = build_nornir(settings, missing_key=lambda *_: None)  # it judges its own keys; nothing is logged in to
    chosen = select(nornir, given.groups, given.hosts)
    documents = resolve(settings, intent, chosen=chosen if filtered else None, everything=given.resolved)
    told = [*warnings(intent)]
    if given.output == "json":
        print(json.dumps(_as_json(documents, told), indent=2, ensure_ascii=False))
    else:
        print_warnings(console, Redactor(), told)
        if not given.into:
            _print(documents, remarks=not given.plain)
    if given.into:
        _write(documents, given.into, remarks=not given.plain)
        _refuse_another_intent(settings, platforms, given.into, intent)
        names = ", ".join(f"{name}.yaml" for name in documents)
        console.print(
            f"{names} written into {given.into}: read back, they are the very same intent. config.yaml names them under"
            " inventory.options; relative paths in them are still taken from its folder.",
            markup=False,
            soft_wrap=True,
        )


def _print(documents: Documents, *, remarks: bool) -> None:
    for name, document in documents.items():
        sys.stdout.write(f"--- # {name}.yaml\n{as_yaml(hidden(document), remarks=remarks)}")


def _as_json(documents: Documents, told: Sequence[str]) -> dict[str, Any]:
    shown = {name: hidden(document) for name, document in documents.items()}
    values = [
        {"path": [name, *path], "value": leaf.value, "source": leaf.origin.as_json(), "follows": leaf.follows}
        for name, document in shown.items()
        for path, leaf in leaves(document)
    ]
    inventory = {name: plain(document) for name, document in shown.items()}
    return {"runbook": NAME, "ok": True, "warnings": list(told), "inventory": inventory, "values": values}


def _write(documents: Documents, folder: Path, *, remarks: bool) -> None:
    paths = {name: folder / f"{name}.yaml" for name in documents}
    for path in paths.values():
        if path.exists():
            raise UsageError(
                f"{path} is there already, and nothing is overwritten. Nothing was written.",
                cure="--into another folder",
            )
    _make(folder)
    for name, path in paths.items():
        holds_a_login = hidden(documents[name]) != documents[name]
        write_whole(path, as_yaml(documents[name], remarks=remarks), PRIVATE if holds_a_login else AS_THE_UMASK_SAYS)


def _refuse_another_intent(settings: Settings, platforms: Platforms, folder: Path, intent: object) -> None:
    """What was written is read as any inventory is."""
    place = folder.absolute()
    files = {"host_file": "hosts", "group_file": "groups", "defaults_file": "defaults"}
    written = {key: place / f"{name}.yaml" for key, name in files.items()}
    again = settings.model_copy(update={**written, "source": None, "given": None})
    if load_intent(again, platforms) != intent:
        raise RuntimeError(f"what was written into {folder} is another intent than that of the inventory")


def _schema(given: argparse.Namespace, platforms: Platforms, console: Console) -> None:
    if bool(given.file) == bool(given.into):
        given.parser.error(f"one of {', '.join(FILES)}, or --into FOLDER")
    texts = {name: json.dumps(schema(name, platforms), indent=2, ensure_ascii=False) + "\n" for name in FILES}
    if given.file:
        sys.stdout.write(texts[given.file])
        return
    _make(given.into)
    for name, text in texts.items():
        write_whole(given.into / f"{name}.schema.json", text)
    names = ", ".join(f"{name}.schema.json" for name in texts)
    console.print(f"{names} written into {given.into}", markup=False, soft_wrap=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
