"""Become root by sudo with a password, over an exec channel, without a terminal (sudo(8): -S, -p).

The password is sent when sudo asks for it and never otherwise: a sudo that asks for none would leave it to the program
that it starts. What the program is to read is sent when it has said that it runs: a sudo that asks again would take it
for a password. So a wrong one counts as one attempt.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

import paramiko

_CHUNK = 65536
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.004, 0.1


class SudoRefusedError(Exception):
    """sudo has not let the program run; the words are its own, or say that the password is wrong."""


@dataclass(frozen=True)
class Gate:
    """What is waited for on standard error: sudo's prompt, and the word of the program that it has started."""

    prompt: str
    ready: str

    @classmethod
    def new(cls) -> Gate:
        """Make one that no program says by chance."""
        token = secrets.token_hex(12)
        return cls(f"password-{token}:", f"ready-{token}")

    def command(self, program: str, *, unless_root: bool = False) -> str:
        """Write the command line that runs a program, given as shell words, as root."""
        begin = f"sh -c 'echo {self.ready} >&2; exec \"$@\"' sh {program}"
        sudo = f"sudo -S -p {self.prompt} {begin}"
        return f'if [ "$(id -u)" = 0 ]; then exec {begin}; else exec {sudo}; fi' if unless_root else sudo


def pass_gate(channel: paramiko.Channel, gate: Gate, password: str, ends: float) -> bytes:
    """Give sudo the password if it asks for one, and wait until the program runs.

    Args:
        channel: on which the gate's command was started; nothing was sent yet.
        gate: of that command.
        password: the user's.
        ends: until when, by the monotonic clock.

    Returns:
        What the program has said on standard error by then.

    Raises:
        SudoRefusedError: sudo has not let it run.
        TimeoutError: neither has happened in time.

    """
    prompt, ready = gate.prompt.encode(), f"{gate.ready}\n".encode()
    said, pause, asked = bytearray(), _SHORTEST_PAUSE, 0
    while ready not in said:
        over = channel.closed or (channel.exit_status_ready() and channel.eof_received)
        if channel.recv_stderr_ready():
            said += channel.recv_stderr(_CHUNK)
            pause = _SHORTEST_PAUSE
            if said.count(prompt) > asked:
                asked += 1
                if asked > 1:
                    raise SudoRefusedError("the password is wrong")
                channel.sendall(f"{password}\n".encode())
        elif over:
            raise SudoRefusedError(_last_line(said.replace(prompt, b"")))
        elif time.monotonic() > ends:
            raise TimeoutError("no answer of sudo")
        else:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    return bytes(said.partition(ready)[2])


def _last_line(said: bytes | bytearray) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
