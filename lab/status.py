"""The table of `lab status`."""

import os
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lab import access, machines
from lab.places import Instance
from lab.topology import MACHINES, Machine


def show(instance: Instance, console: Console) -> bool:
    """Print every machine with its state; the answer is whether all are up, the optional ones apart, and let us in."""
    up = {machine.name: process for machine in MACHINES if (process := machines.running(instance, machine))}
    logins = {machine.name: access.answers(instance, machine) for machine in MACHINES if machine.name in up}
    table = Table(title=f"{instance.name}: {len(up)} of {len(MACHINES)} machines up", box=None, title_justify="left")
    for column in ("machine", "address", "state", "ssh", "up for", "pid"):
        table.add_column(column, no_wrap=True)
    good = True
    for machine in MACHINES:
        process = up.get(machine.name)
        if process is None:
            table.add_row(
                machine.name, _addresses(machine), "down (optional)" if machine.optional else "down", "", "", ""
            )
            good &= machine.optional
            continue
        reachable = logins[machine.name].wait() == 0
        good &= reachable
        table.add_row(machine.name, _addresses(machine), "up", "ok" if reachable else "no answer",
                      _age(process.started), str(process.pid))  # fmt: skip
    console.print(table)
    return good


def _addresses(machine: Machine) -> str:
    return ", ".join(interface.address for interface in machine.interfaces)


def _age(started: str) -> str:
    """How long ago a process started, from its clock ticks since the host's boot."""
    since_boot = float(Path("/proc/uptime").read_text().split()[0])
    seconds = since_boot - int(started) / os.sysconf("SC_CLK_TCK")
    return time.strftime("%H:%M:%S", time.gmtime(seconds))
