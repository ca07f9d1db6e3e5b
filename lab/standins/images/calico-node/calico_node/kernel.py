"""The only code that changes the node's network: routes, the tunnel address, masquerading."""

import json
import logging
import socket
import subprocess
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from cluster_api.objects import Json

from calico_node import autodetection, nat, routes, tunnel
from calico_node.autodetection import Interface
from calico_node.cni import VXLAN_OVERHEAD
from calico_node.resources import Pool
from calico_node.routes import TUNNEL_DEVICE, Plan, Uplink

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


def interfaces() -> list[Interface]:
    """Ask the kernel for the interfaces and their addresses."""
    return autodetection.read(_json(["ip", "-json", "-4", "address", "show"]))


def source_towards(host: str) -> IPv4Address | None:
    """Ask the kernel from which address it would speak to a host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, DISCARD_PORT))
        except OSError:
            return None
        return IPv4Address(probe.getsockname()[0])


def find_uplink(address: IPv4Interface) -> Uplink | None:
    """Ask the kernel which interface carries the node's address."""
    return routes.uplink(_json(["ip", "-json", "-4", "address", "show"]), address)


def mtu(device: str) -> int:
    """Ask the kernel for an interface's MTU."""
    return int(Path(f"/sys/class/net/{device}/mtu").read_text())


def set_routes(plan: Plan) -> None:
    """Bring the routes about and remove those of ours that are not wanted any more."""
    standing = routes.read(_json(["ip", "-json", "-4", "route", "show", "proto", routes.PROTOCOL]))
    for command in routes.changes(standing, plan.routes):
        run(["ip", "-4", "route", *command])
        log.info("ip route %s", " ".join(command))


def set_masquerading(pools: Iterable[Pool]) -> None:
    """Bring our chain of the nat table about."""
    text = nat.restore(run(["iptables-save", "-t", "nat"]), nat.rules(pools))
    if text is not None:
        run(["iptables-restore", "--noflush", "--wait", "10"], text)
        log.info("chain %s written", nat.CHAIN)


def set_tunnel(me: str, uplink: Uplink, address: IPv4Address, ends: tunnel.Ends) -> None:
    """Bring the VXLAN device about, as Felix does: its address and no other, and the ways to the other ends."""
    standing = tunnel.outer_address(_json(["ip", "-json", "-details", "link", "show", "type", "vxlan"]))
    if standing not in (None, uplink.address.ip):
        run(["ip", "link", "del", TUNNEL_DEVICE])
    if standing != uplink.address.ip:
        peer = ["local", str(uplink.address.ip), "dev", uplink.device]
        kind = ["type", "vxlan", "id", tunnel.IDENTIFIER, "dstport", tunnel.PORT, "nolearning"]
        own = ["address", tunnel.hardware_address(me), "mtu", str(mtu(uplink.device) - VXLAN_OVERHEAD)]
        run(["ip", "link", "add", TUNNEL_DEVICE, *own, *kind, *peer])
    interfaces = {str(entry["ifname"]): entry for entry in _json(["ip", "-json", "-4", "address", "show"])}
    entries = interfaces.get(TUNNEL_DEVICE, {}).get("addr_info") or []
    present = {str(entry["local"]) for entry in entries}
    for old in present - {str(address)}:
        run(["ip", "address", "del", f"{old}/32", "dev", TUNNEL_DEVICE])
    if str(address) not in present:
        run(["ip", "address", "add", f"{address}/32", "dev", TUNNEL_DEVICE])
        log.info("tunnel address %s on %s", address, TUNNEL_DEVICE)
    run(["ip", "link", "set", TUNNEL_DEVICE, "up"])
    neighbours = _json(["ip", "-json", "-4", "neighbour", "show", "dev", TUNNEL_DEVICE, "nud", "permanent"])
    forwarding = _json(["bridge", "-json", "fdb", "show", "dev", TUNNEL_DEVICE])
    for command in tunnel.changes(neighbours, forwarding, ends):
        run(command)


def _json(arguments: list[str]) -> list[Json]:
    answer: list[Json] = json.loads(run(arguments) or "[]")
    return answer
