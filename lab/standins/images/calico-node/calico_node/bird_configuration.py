"""BIRD's configuration, written as Calico's confd templates do (bird.cfg, bird_aggr.cfg, bird_ipam.cfg), for BIRD 2.

Different from Calico's own, which is for BIRD 1.6: the routes that Felix put into the kernel are not learned, so none of
another node's blocks can be announced from here; the node's own blocks are never programmed by BIRD.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network

from calico_node.bgp import Advertisement, Settings
from calico_node.resources import DEFAULT_PORT, Pool
from calico_node.sessions import Session, Speaker

STANDARD_COMMUNITY_PARTS = 2

_DEVICES = """\
protocol device {
  scan time 10;
}

protocol direct {
  ipv4;
  interface -"cali*", -"veth*", -"kube-ipvs*", "*";
}"""
_KERNEL = """\
protocol kernel {
  persist;
  scan time 10;
  graceful restart on;
  merge paths on;
  ipv4 {
    import none;
    export filter calico_kernel_programming;
  };
}"""


@dataclass(frozen=True)
class Announcements:
    """What the node's BIRD knows besides its sessions."""

    blocks: tuple[IPv4Network, ...]
    services: tuple[IPv4Network, ...]
    pools: tuple[Pool, ...]


def render(speaker: Speaker, announcements: Announcements, sessions: Iterable[Session]) -> str:
    """Write the whole configuration."""
    settings = speaker.settings
    parts = [
        "# Written from Calico's custom resources; changes made here are lost.\nlog stderr all;",
        f"router id {speaker.address};",
        _communities(settings.advertisements),
        _own_blocks(announcements.blocks),
        _export_filter(announcements, settings),
        _kernel_filter(announcements, settings),
        _protocols(announcements),
        _template(speaker),
        *(_session(session) for session in sessions),
    ]
    return "\n\n".join(parts) + "\n"


def _communities(advertisements: Iterable[Advertisement]) -> str:
    lines: list[str] = []
    for advertisement in advertisements:
        lines.append(f"  if ( net ~ {advertisement.cidr} ) then {{")
        for community in advertisement.communities:
            numbers = community.split(":")
            kind = "bgp_community" if len(numbers) == STANDARD_COMMUNITY_PARTS else "bgp_large_community"
            lines.append(f"    {kind}.add(({', '.join(numbers)}));")
        lines.append("  }")
    return _block("function apply_communities ()", lines)


def _own_blocks(blocks: Iterable[IPv4Network]) -> str:
    lines: list[str] = []
    for block in blocks:
        lines += [f"  if ( net = {block} ) then {{ accept; }}", f"  if ( net ~ {block} ) then {{ reject; }}"]
    return "# A block is announced, nothing beneath it.\n" + _block("function calico_aggr ()", lines)


def _export_filter(announcements: Announcements, settings: Settings) -> str:
    lines = [f"  if ( net ~ {pool.cidr} ) then {{ reject; }}" for pool in announcements.pools if not pool.exported]
    lines += ["  apply_communities();", "  calico_aggr();"]
    accepted = [*settings.service_networks, *(pool.cidr for pool in announcements.pools)]
    lines += [f"  if ( net ~ {cidr} ) then {{ accept; }}" for cidr in accepted]
    return _block("filter calico_export_to_bgp_peers", [*lines, "  reject;"])


def _kernel_filter(announcements: Announcements, settings: Settings) -> str:
    """Keep out of the kernel: interfaces' networks (its own), services (kube-proxy's), blocks and VXLAN pools (Felix's)."""
    rejected = [
        *settings.service_networks,
        *announcements.blocks,
        *(pool.cidr for pool in announcements.pools if pool.routed_by_felix),
    ]
    lines = [f"  if ( net ~ {cidr} ) then {{ reject; }}" for cidr in rejected]
    return _block(
        "filter calico_kernel_programming", ["  if source = RTS_DEVICE then { reject; }", *lines, "  accept;"]
    )


def _protocols(announcements: Announcements) -> str:
    routes = [f"  route {cidr} blackhole;" for cidr in (*announcements.blocks, *announcements.services)]
    return "\n\n".join((_DEVICES, _block("protocol static", ["  ipv4;", *routes]), _KERNEL))


def _template(speaker: Speaker) -> str:
    settings = speaker.settings
    port = "" if settings.listen_port in (None, DEFAULT_PORT) else f" port {settings.listen_port}"
    lines = [
        f"  local{port} as {speaker.as_number};",
        f"  debug {'all' if settings.log_severity.lower() in ('debug', 'trace') else '{ states }'};",
        '  description "Connection to BGP peer";',
        "  multihop;",
        "  graceful restart on;",
        "  connect delay time 2;",
        "  connect retry time 5;",
        "  error wait time 5, 30;",
    ]
    if settings.bind_to_node_address:
        lines.append("  strict bind on;")
    channel = "  ipv4 {\n    import all;\n    export filter calico_export_to_bgp_peers;\n    gateway recursive;\n"
    return _block("template bgp bgp_template", [*lines, channel + "    add paths on;\n  };"])


def _session(session: Session) -> str:
    port = f" port {session.port}" if session.port else ""
    lines = [
        f"  neighbor {session.address}{port} as {session.as_number};",
        f"  graceful restart time {session.restart_seconds};",
    ]
    if session.source:
        lines.append(f"  source address {session.source};")
    if session.password:
        lines.append(f"  password {_quoted(session.password)};")
    if session.ttl_security_hops:
        lines += [f"  multihop {session.ttl_security_hops};", "  ttl security on;"]
    if session.allowed_local_as_numbers:
        lines.append(f"  allow local as {session.allowed_local_as_numbers};")
    if session.passive:
        lines.append("  passive on;")
    if session.keep_next_hop:
        lines.append("  ipv4 {\n    next hop keep;\n  };")
    return _block(f"protocol bgp {session.name} from bgp_template", lines)


def _quoted(text: str) -> str:
    """Write a string for BIRD, which knows no escapes."""
    if '"' in text or not text.isprintable():
        raise ValueError("a BGP password must be printable and without quotation marks: BIRD cannot write it otherwise")
    return f'"{text}"'


def _block(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head} {{", *lines, "}"])
