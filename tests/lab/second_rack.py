"""The lab's second rack: its machines, made anew and thrown away, and the inventory under examples/ that has both racks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import disks
from lab.topology import RACK2_NODES, TORS
from tests.lab.laboratory import ADDRESSES, CHECKOUT, Laboratory, wait_for
from tests.lab.runbooks import Project, Runbooks

EXAMPLE = CHECKOUT / "examples" / "two-racks"
NODES = {machine.name: machine.address for machine in RACK2_NODES}
ALL_NODES = ADDRESSES | NODES
ROUTERS = {"tor-2a": "10.30.92.251", "tor-2b": "10.30.92.252"}  # their ends of the sessions
LINK = "10.30.92.0/24"
BUILD_SECONDS = 900
OWNERS_SECONDS = 180  # a neighbour of OSPF waits for 12 s before it elects; the rest is a busy machine's


def example(folder: Path, lab: Laboratory) -> Runbooks:
    """The runbooks on the example's inventory, as it is."""
    files = {name: (EXAMPLE / f"{name}.yaml").read_text(encoding="utf-8") for name in ("hosts", "groups")}
    return Project.of(folder, lab.instance).edited(**files)


@contextmanager
def up(lab: Laboratory) -> Iterator[None]:
    """Both routers and both nodes as they come from the shop; at the end they are gone."""
    _away(lab)
    lab.must("up", *ROUTERS, *NODES, deadline=BUILD_SECONDS)
    try:
        wait_for(f"the site knows the way to {LINK} by both routers", lambda: _told(lab), OWNERS_SECONDS)
        yield
    finally:
        _away(lab)


def _told(lab: Laboratory) -> bool:
    """Whether the routers' owner's OSPF is up on both."""
    ways = lab.kernel("openwrt", "route", "show", LINK)
    return all(machine.address in ways for machine in TORS)


def _away(lab: Laboratory) -> None:
    """No machine of the rack and no disk of it; what is not there need not go."""
    for machine in (*TORS, *RACK2_NODES):
        lab.lab("cut", machine.name)
        disks.throw_away(lab.instance, machine)
