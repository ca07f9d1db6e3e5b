"""docs/seed.md: the tutorial's steps, and where our files differ from its own; made from steps.yaml and differences.yaml."""

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import yaml

from kubepeer.intent import Intent
from tests.render.seed.comparison import ABSENT, Row, rows
from tests.render.seed.steps import Step, sections, steps
from tests.render.seed.subjects import SUBJECTS

BAR = "\\|"  # of Markdown
INTRODUCTION = """# The tutorial, step by step

<!-- Made by `pytest tests/render/seed --update-golden` from tests/render/seed/steps.yaml and differences.yaml. A test holds it to them. -->

Kubepeer builds the cluster of a tutorial (January 2023: CentOS 7, Kubernetes 1.26.0, Calico 3.24.5) with `inventory/seed.yaml`. Here is
what became of each step of its sections 1 to 4, which prepare the machines and the control planes, and of 7; and where our files differ
from those that it shows.

**Done**: a run does it, and the tests named show it. **Rendered**: a run does it; the machines of the lab are containers of one kernel,
and what they cannot show of it is rendered and checked only. **Left out**: on purpose. A default is the value of
`inventory/seed.yaml`. Tests are functions in `tests/`, with the case of a table in brackets.
"""

FILES = """
## Where our files differ

Statement by statement or key by key, without comments and white space, the files are the tutorial's but for the rows below. A difference
that is no row fails `tests/render/seed/test_seed_files.py`, and so does a row that is no difference.
"""


def document(intent: Intent) -> str:
    """The whole of it.

    Args:
        intent: of inventory/seed.yaml, for the defaults.

    """
    listed = steps()
    unseen = [f"- {step.section}: {step.step}{_note(step)}" for step in listed if step.state == "rendered"]
    parts = [
        INTRODUCTION,
        "## Steps\n",
        *(_section(number, title, listed, intent) for number, title in sections().items()),
        "## What no container shows: rendered and checked only\n",
        *unseen,
        FILES,
        *(_file(name, [row for row in rows() if row.file == name]) for name in _files()),
        f"Without a difference: {', '.join(_equal())}.",
    ]
    return "\n".join(parts) + "\n"


def _note(step: Step) -> str:
    return f"; {step.note}" if step.note else ""


def _section(number: str, title: str, listed: Iterable[Step], intent: Intent) -> str:
    lines = ["| step | key | default | where | state | test |", "|---|---|---|---|---|---|"]
    for step in listed:
        if step.section == number:
            cells = (
                f"{step.step}{_note(step)}",
                _lines(f"`{key}`" for key in step.keys),
                _lines(_default(intent, key) for key in step.keys),
                _lines(f"`{place.partition(':')[0]}`{_function(place)}" for place in step.where),
                step.state,
                _lines(f"`{test.removeprefix('tests/')}`" for test in step.tests),
            )
            lines.append(_row(*cells))
    return f"### {number} {title}\n\n" + "\n".join(lines) + "\n"


def _function(place: str) -> str:
    _, _, function = place.partition(":")
    return f" {function}" if function else ""


def _default(intent: Intent, key: str) -> str:
    value: Any = intent
    for part in key.split("."):
        value = getattr(value, part)
    if value is None:
        return "none"
    if isinstance(value, dict):
        return _lines(f"`{one}`: `{other}`" for one, other in value.items())
    values = value if isinstance(value, tuple) else [str(value).lower() if isinstance(value, bool) else value]
    return ", ".join(f"`{one}`" for one in values)


def _files() -> Iterator[str]:
    """The files that rows speak of: in the tutorial's order, each once."""
    named = {row.file: None for row in rows()}
    for subject in SUBJECTS:
        for name in [name for name in named if fnmatchcase(subject, name)]:
            del named[name]
            yield name


def _equal() -> list[str]:
    differ = {row.file for row in rows()}
    return [f"`{name}` ({subject.section})" for name, subject in SUBJECTS.items() if name not in differ]


def _file(name: str, listed: list[Row]) -> str:
    subject = SUBJECTS.get(name)
    title = f"{name} ({subject.section}; ours: `{subject.place}`)" if subject else f"{name} (all of them)"
    lines = ["| key | the tutorial's | ours | why |", "|---|---|---|---|"]
    lines += [_row(f"`{row.key}`", _value(row.seed), _value(row.ours), row.why) for row in listed]
    return f"### {title}\n\n" + "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    value = _generated(value)
    if isinstance(value, str) and value == ABSENT:
        return ""
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return _lines(f"`{entry}`" for entry in value)
    if isinstance(value, str):
        return f"`{value}`"
    if isinstance(value, dict | list):
        return f"`{yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip()}`"
    return f"`{json.dumps(value)}`"


def _generated(value: Any) -> Any:
    """In the place of a generated value: that it is, and in which form."""
    if isinstance(value, dict):
        return (
            f"generated: {value['form']}"
            if set(value) == {"form"}
            else {key: _generated(one) for key, one in value.items()}
        )
    return value


def _lines(cells: Iterable[str]) -> str:
    return "<br>".join(cells)


def _row(*cells: str) -> str:
    """In a table a bar ends a cell, also in code."""
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"
