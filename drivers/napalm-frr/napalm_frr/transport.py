"""FRR's commands as the router's shell takes them."""

from __future__ import annotations

import shlex
from typing import Final

NO_HISTORY: Final = "export VTYSH_HISTFILE=/dev/null\n"
"""vtysh would write every command into the user's history; a look changes nothing on the router."""


def vtysh(command: str) -> str:
    """Write the shell command that runs one command of FRR."""
    return f"vtysh -c {shlex.quote(command)}"
