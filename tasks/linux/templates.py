"""One Jinja2 environment for all templates; an undefined name is an error, never an empty string."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).resolve().parent.parent.parent / "templates"


@cache
def environment() -> Environment:
    """The environment, made once: its cache of compiled templates is safe between threads."""
    return Environment(  # noqa: S701  configuration files, not web pages
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, **values: object) -> str:
    """Render templates/TEMPLATE with these values."""
    return environment().get_template(template).render(**values)
