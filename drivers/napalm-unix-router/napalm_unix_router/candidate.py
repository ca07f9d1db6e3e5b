"""Configuration as somebody loaded it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napalm.base.exceptions import MergeConfigException, NapalmException, ReplaceConfigException


@dataclass(frozen=True)
class Candidate:
    """What was loaded, and whether it is the whole or a part to lay over what stands."""

    text: str
    replaces: bool

    @property
    def kind(self) -> str:
        """Name it, for a message."""
        return "replacing candidate" if self.replaces else "candidate"

    def refusal(self, message: str) -> NapalmException:
        """Make the exception that NAPALM has for it."""
        return ReplaceConfigException(message) if self.replaces else MergeConfigException(message)


def loaded(filename: str | None, config: str | None) -> str:
    """Read what NAPALM's two arguments name: a file, or the text itself."""
    if filename:
        try:
            return Path(filename).read_text(encoding="utf-8")
        except OSError as error:
            raise NapalmException(f"{filename}: cannot be read: {error.strerror}") from error
    return config or ""
