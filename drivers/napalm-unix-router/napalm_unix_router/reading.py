"""The reading half of a driver: the connection, and what every Unix answers alike."""

from __future__ import annotations

import getpass
import json
import shlex
import socket
from typing import Any, ClassVar

from napalm.base import NetworkDriver
from napalm.base.exceptions import CommandErrorException, ConnectionClosedException
from napalm.base.models import AliveDict, ARPTableDict, PingResultDict
from napalm.base.netmiko_helpers import netmiko_args

from napalm_unix_router import iproute, system
from napalm_unix_router.transport import Router, SSHRouter


class UnixRouter(NetworkDriver):
    """A router behind SSH; each getter is one round trip and one pure function."""

    device: Router | None = None
    _preamble: ClassVar[str] = ""
    """Shell text before every command and script: where programs are, what they must not leave behind."""

    def __init__(
        self,
        hostname: str,
        username: str,
        password: str,
        timeout: int = 60,
        optional_args: dict[str, Any] | None = None,
    ) -> None:
        """Keep the arguments; ``optional_args`` takes netmiko's own and a few of ours (see README)."""
        arguments = dict(optional_args or {})
        self.hostname = hostname
        self.username = username
        self.password = password
        self.timeout = timeout
        self._sudo = bool(arguments.pop("sudo", username != "root"))
        self._owner = "-".join(str(arguments.pop("owner", f"{getpass.getuser()}@{socket.gethostname()}")).split())
        self._take(arguments)
        self._arguments = {"ssh_strict": True, "system_host_keys": True} | netmiko_args(arguments)

    def _take(self, arguments: dict[str, Any]) -> None:
        """Take what is meant for the daemon out of the optional arguments; the others are netmiko's."""

    def open(self) -> None:
        """Connect."""
        arguments = {
            "username": self.username,
            "password": self.password,
            "conn_timeout": min(10, self.timeout),
            **self._arguments,
        }
        self.device = SSHRouter(self.hostname, arguments, self.timeout, sudo=self._sudo, preamble=self._preamble)

    def close(self) -> None:
        """Disconnect. A pending commit stays pending: its timer lives on the router."""
        if self.device is not None:
            self.device.close()
        self.device = None

    def is_alive(self) -> AliveDict:
        """Tell whether the router answers."""
        return {"is_alive": self.device is not None and self.device.is_alive()}

    def get_arp_table(self, vrf: str = "") -> list[ARPTableDict]:
        """List the neighbours on the link, of all VRFs or of one."""
        of_vrf = " nomaster" if vrf in ("default", "global") else f" vrf {shlex.quote(vrf)}" if vrf else ""
        command = f"ip -4 -j -s neigh show{of_vrf}"
        (output,) = self._router().read([command])
        if output.code != 0 and vrf in ("", "default", "global"):  # busybox' ip has neither JSON nor VRFs
            return iproute.arp_table(iproute.neighbors_of_text(*self._ask("ip -4 neigh show")))
        if output.code != 0:
            raise CommandErrorException(f"{self.hostname}: {command}: {self._cure(output.words)}")
        return iproute.arp_table(self._json(output.out or "[]", "ip neigh show"))

    def ping(
        self,
        destination: str,
        source: str = "",
        ttl: int = 255,
        timeout: int = 2,
        size: int = 100,
        count: int = 5,
        vrf: str = "",
        source_interface: str = "",
    ) -> PingResultDict:
        """Ping from the router."""
        options = ["-c", str(count), "-W", str(timeout), "-s", str(size), "-t", str(ttl)]
        if source or source_interface:
            options += ["-I", source or source_interface]
        prefix = ["ip", "vrf", "exec", vrf] if vrf else []
        command = shlex.join([*prefix, "ping", *options, "--", destination])
        (output,) = self._router().read([f"{command} 2>&1"])
        return system.ping_result(output.out)

    def _router(self) -> Router:
        if self.device is None:
            raise ConnectionClosedException(f"{self.hostname}: the connection is not open; call open() first")
        return self.device

    def _ask(self, *commands: str, strict: int | None = None) -> list[str]:
        """Run commands in one round trip; the first ``strict`` of them (all by default) must succeed."""
        outputs = self._router().read(commands)
        for command, output in list(zip(commands, outputs, strict=True))[:strict]:
            if output.code != 0:
                raise CommandErrorException(f"{self.hostname}: {command}: {self._cure(output.words)}")
        return [output.out for output in outputs]

    def _cure(self, words: str) -> str:
        """Add to what a command said why the daemon could not answer."""
        return words

    def _json(self, text: str, command: str) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            said = text.strip().partition("\n")[0]
            raise CommandErrorException(f"{self.hostname}: {command}: no JSON in the answer: {said!r}") from error
