"""Ask a router by its NAPALM driver, where its shell is none: show commands and getters, one after the other."""

import json
from collections.abc import Mapping
from typing import Any

from kubepeer.errors import CommandError
from tasks.linux.napalm_errors import napalm_error
from tasks.linux.observe import Answer


def ask_driver(device: Any, questions: Mapping[str, str], encoding: str) -> dict[str, Answer]:
    """Ask everything; what the router refuses has its words for an answer, and 1 for an exit code.

    Args:
        device: the open driver.
        questions: show commands, and names of getters, by name.
        encoding: of the answers to show commands, as NAPALM's cli() names it.

    Raises:
        CommandError: the driver, or the library below it, could not ask.

    """
    return {name: _answer(device, command, encoding) for name, command in questions.items()}


def _answer(device: Any, command: str, encoding: str) -> Answer:
    try:
        if command.startswith("get_"):
            return Answer(0, json.dumps(getattr(device, command)()))
        said = device.cli([command], encoding=encoding)[command]
    except napalm_error("NapalmException") as error:
        return Answer(1, str(error))
    except Exception as error:  # of every kind: the libraries below the drivers have their own
        raise CommandError(f"'{command}' could not be asked: {type(error).__name__}: {error}") from error
    return Answer(0, said if isinstance(said, str) else json.dumps(said))
