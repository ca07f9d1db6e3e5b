"""Write a report as one web page: no network, no framework, everything escaped, every secret hidden."""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kubepeer.page.document import Page
from kubepeer.page.drawing import MEANING

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "report"
# What a device says may hold colours, bells and signs that turn the direction of writing: none of them is to be obeyed by a browser.
NOT_SHOWN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
)
KINDS = {"right": "✓", "wrong": "✗", "unknown": "?"}  # a state is told by a sign, too, and never by its colour alone


def as_html(page: Page, hide: Callable[[str], str]) -> str:
    """The page.

    Args:
        page: what is on it.
        hide: replaces every known secret; asked for each text before it is escaped.

    """

    def shown(value: object) -> object:
        if isinstance(value, Markup) or not isinstance(value, str):
            return value
        return NOT_SHOWN.sub("\ufffd", hide(value))

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    script = _part("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        page=page,
        meaning=MEANING,
        sign=KINDS,
        style=Markup(_part("page.css")),  # noqa: S704  a file of ours
        script=Markup(script),  # noqa: S704  a file of ours
        script_hash=digest,
    )


@cache
def _part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
