"""The only code that changes the node's network: routes, the tunnel address, masquerading."""

import json
import logging
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cluster_api.objects import Json

from calico_node import autodetection, nat, routes, tunnel
from calico_node.autodetection import Interface
from calico_node.family import IPV4, Address, Family, family_of
from calico_node.family import Interface as WithMask
from calico_node.family import address as read_address
from calico_node.resources import Pool
from calico_node.routes import Plan, Uplink

COMMAND_TIMEOUT = 20
DISCARD_PORT = 9  # any would do: connecting a UDP socket sends nothing

log = logging.getLogger(__name__)


class CommandError(RuntimeError):
    """A program failed; its own words are the message."""


def run(arguments: list[str], text: str | None = None) -> str:
    """Run a program to its end."""
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False)
    if done.returncode != 0:
        raise CommandError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def interfaces(family: Family) -> list[Interface]:
    """Ask the kernel for the interfaces and their addresses."""
    return autodetection.read(_json(["ip", "-json", family.option, "address", "show"]), family)


def source_towards(host: str, family: Family) -> Address | None:
    """Ask the kernel from which address it would speak to a host."""
    with socket.socket(socket.AF_INET if family is IPV4 else socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, DISCARD_PORT))
        except OSError:
            return None
        return read_address(probe.getsockname()[0])


def find_uplink(address: WithMask) -> Uplink | None:
    """Ask the kernel which interface carries the node's address."""
    return routes.uplink(_json(["ip", "-json", family_of(address).option, "address", "show"]), address)


def mtu(device: str) -> int:
    """Ask the kernel for an interface's MTU."""
    return int(Path(f"/sys/class/net/{device}/mtu").read_text())


def set_routes(plan: Plan, family: Family) -> None:
    """Bring the routes about and remove those of ours that are not wanted any more."""
    standing = routes.read(_json(["ip", "-json", family.option, "route", "show", "proto", routes.PROTOCOL]))
    for command in routes.changes(standing, plan.routes):
        run(["ip", family.option, "route", *command])
        log.info("ip route %s", " ".join(command))


def set_masquerading(pools: Iterable[Pool], family: Family) -> None:
    """Bring our chain of the nat table about."""
    text = nat.restore(run([f"{family.iptables}-save", "-t", "nat"]), nat.rules(pools))
    if text is not None:
        run([f"{family.iptables}-restore", "--noflush", "--wait", "10"], text)
        log.info("%s: chain %s written", family.iptables, nat.CHAIN)


def set_tunnel(me: str, uplink: Uplink, address: Address, ends: tunnel.Ends) -> None:
    """Bring the VXLAN device about, as Felix does: its address and no other, and the ways to the other ends."""
    family = family_of(address)
    device = family.tunnel_device
    standing = tunnel.outer_address(_json(["ip", "-json", "-details", "link", "show", "type", "vxlan"]), family)
    if standing not in (None, uplink.address.ip):
        run(["ip", "link", "del", device])
    if standing != uplink.address.ip:
        peer = ["local", str(uplink.address.ip), "dev", uplink.device]
        kind = ["type", "vxlan", "id", tunnel.IDENTIFIER, "dstport", tunnel.PORT, "nolearning"]
        own = ["address", tunnel.hardware_address(me, family), "mtu", str(mtu(uplink.device) - family.tunnel_overhead)]
        run(["ip", "link", "add", device, *own, *kind, *peer])
    shown = _json(["ip", "-json", family.option, "address", "show"])
    entries = next((entry.get("addr_info") or [] for entry in shown if entry.get("ifname") == device), [])
    present = {str(entry["local"]) for entry in entries if entry.get("scope") != "link"}
    for old in present - {str(address)}:
        run(["ip", "address", "del", f"{old}/{family.bits}", "dev", device])
    if str(address) not in present:
        run(["ip", "address", "add", f"{address}/{family.bits}", "dev", device])
        log.info("tunnel address %s on %s", address, device)
    run(["ip", "link", "set", device, "up"])
    neighbours = _json(["ip", "-json", family.option, "neighbour", "show", "dev", device, "nud", "permanent"])
    forwarding = _json(["bridge", "-json", "fdb", "show", "dev", device])
    for command in tunnel.changes(neighbours, forwarding, ends, family):
        run(command)


def _json(arguments: list[str]) -> list[Json]:
    answer: list[Json] = json.loads(run(arguments) or "[]")
    return answer
