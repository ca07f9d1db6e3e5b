"""netmiko's SSH connection without the login shell that it starts: commands go through exec channels.

Nobody would use it, and a terminal, a shell with its profile and netmiko's wait for a prompt take longer than all
that is asked of the machine.
"""

from __future__ import annotations

from typing import Any

import paramiko
from netmiko.base_connection import BaseConnection


class ExecOnlyClient(paramiko.SSHClient):
    """An SSH client whose interactive shell is a channel that is never opened."""

    def invoke_shell(self, *_: Any, **__: Any) -> paramiko.Channel:
        """Give a channel that nothing is sent through; netmiko sets a timeout and keepalives by it, and closes it."""
        channel = paramiko.Channel(0)
        channel.transport = self.get_transport()
        return channel


def log_in(connection: BaseConnection) -> None:
    """Connect and authenticate a netmiko connection that was made with ``auto_connect=False``.

    Raises what netmiko's ``establish_connection`` raises.
    """
    connection._get_ssh_client_instance = ExecOnlyClient  # type: ignore[method-assign]
    connection.establish_connection()
