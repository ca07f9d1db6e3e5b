"""BIRD's configuration, written as Calico's confd templates do (bird.cfg, bird_aggr.cfg, bird_ipam.cfg), for BIRD 2.

For IPv6 it is that of a BIRD of its own, as bird6.cfg and its like are. As there, the kernel protocol learns what Felix
wrote into the kernel, and what lies in a pool goes out to every peer: the routes to the other nodes' blocks too. Different
from Calico's own, which is for BIRD 1.6: the node's own blocks are never programmed by BIRD, and a learned route's gateway
becomes the next hop by a line of the filter (`_keep`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from calico_node.bgp import Advertisement, Settings
from calico_node.family import Family, Network, alone, family_of
from calico_node.filters import Filter, calls
from calico_node.resources import DEFAULT_PORT, Pool
from calico_node.sessions import Session, Speaker

STANDARD_COMMUNITY_PARTS = 2

_DEVICES = """\
protocol device {
  scan time 10;
}

protocol direct {
  CHANNEL;
  interface -"cali*", -"veth*", -"kube-ipvs*", "*";
}"""
_KERNEL = """\
protocol kernel {
  learn;
  persist;
  scan time 10;
  graceful restart on;
  merge paths on;
  CHANNEL {
    import all;
    export filter calico_kernel_programming;
  };
}"""
_TUNNEL_ROUTES = """\
function reject_tunnel_routes () {
  if ( defined(ifname) ) then {
    if ( (ifname ~ "*.cali") || (ifname ~ "*.calico") ) then { reject; }
  }
}"""


@dataclass(frozen=True)
class Announcements:
    """What the node's BIRD knows besides its sessions."""

    blocks: tuple[Network, ...]
    services: tuple[Network, ...]
    pools: tuple[Pool, ...]


def render(speaker: Speaker, announcements: Announcements, sessions: Iterable[Session]) -> str:
    """Write the whole configuration."""
    settings, held = speaker.settings, list(sessions)
    used = {one.name: one for session in held for one in session.filters}
    parts = [
        "# Written from Calico's custom resources; changes made here are lost.\nlog stderr all;",
        f"router id {speaker.router_id or speaker.address};",
        _communities(settings.advertisements),
        _own_blocks(announcements.blocks),
        _TUNNEL_ROUTES,
        _export_function(announcements),
        _kernel_filter(announcements, settings),
        *_filters(used.values()),
        _protocols(announcements, held, settings.family),
        _template(speaker),
        *(_session(session) for session in held),
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


def _own_blocks(blocks: Iterable[Network]) -> str:
    lines: list[str] = []
    for block in blocks:
        lines += [f"  if ( net = {block} ) then {{ accept; }}", f"  if ( net ~ {block} ) then {{ reject; }}"]
    return "# A block is announced, nothing beneath it.\n" + _block("function calico_aggr ()", lines)


def _export_function(announcements: Announcements) -> str:
    lines = [f"  if ( net ~ {pool.cidr} ) then {{ reject; }}" for pool in announcements.pools if not pool.exported]
    lines += ["  if ( internal_peer ) then { reject_tunnel_routes(); }", "  apply_communities();", "  calico_aggr();"]
    accepted = [*announcements.services, *(pool.cidr for pool in announcements.pools if pool.exported)]
    lines += [f"  if ( net ~ {cidr} ) then {{ accept; }}" for cidr in accepted]
    return _block("function calico_export_to_bgp_peers (bool internal_peer)", lines)


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


def _filters(used: Iterable[Filter]) -> list[str]:
    return [f"# BGPFilter {one.name}\n" + "\n".join(one.definitions()) for one in used]


def _protocols(announcements: Announcements, sessions: Iterable[Session], family: Family) -> str:
    routes = [f"  route {cidr} blackhole;" for cidr in (*announcements.blocks, *announcements.services)]
    routes += [f"  route {alone(one.address)} via {one.reachable_by};" for one in sessions if one.reachable_by]
    static = _block("protocol static", [f"  {family.channel};", *routes])
    devices, kernel = (text.replace("CHANNEL", family.channel) for text in (_DEVICES, _KERNEL))
    return f"{devices}\n\n{static}\n\n{kernel}"


def _template(speaker: Speaker) -> str:
    settings = speaker.settings
    port = "" if settings.listen_port in (None, DEFAULT_PORT) else f" port {settings.listen_port}"
    lines = [
        f"  local{port} as {speaker.as_number};",
        f"  debug {'all' if settings.log_severity.lower() in ('debug', 'trace') else '{ states }'};",
        '  description "Connection to BGP peer";',
        "  multihop;",
        "  graceful restart on;",
        # Calico's BIRD 1.6 has none; with it the end of a router, to whom FRR has told of it, would be waited for
        "  long lived graceful restart off;",
        "  connect delay time 2;",
        "  connect retry time 5;",
        "  error wait time 5, 30;",
    ]
    if settings.bind_to_node_address:
        lines.append("  strict bind on;")
    channel = f"  {settings.family.channel} {{\n    gateway recursive;\n    add paths on;\n  }};"
    return _block("template bgp bgp_template", [*lines, channel])


def _session(session: Session) -> str:
    port = f" port {session.port}" if session.port else ""
    lines = [
        f"  neighbor {session.address}{port} as {session.as_number};",
        f"  graceful restart time {session.restart_seconds};",
    ]
    if session.source:
        lines.append(f"  source address {session.source};")
    if session.password:
        lines.append(f'  password "{session.password}";')  # as confd: a quotation mark in it is a syntax error
    if session.ttl_security_hops:
        lines += [f"  multihop {session.ttl_security_hops};", "  ttl security on;"]
    if session.allowed_local_as_numbers:
        lines.append(f"  allow local as {session.allowed_local_as_numbers};")
    if session.cluster_id:
        lines += ["  rr client;", f"  rr cluster id {session.cluster_id};"]
    if session.passive:
        lines.append("  passive on;")
    imported = [*calls(session.filters, "import"), "accept;"]
    exported = [
        *(_keep() if session.next_hop == "keep" else ()),
        *calls(session.filters, "export"),
        f"calico_export_to_bgp_peers({str(session.is_same_as).lower()});",
        "reject;",
    ]
    channel = [f"import filter {{ {' '.join(imported)} }};", f"export filter {{ {' '.join(exported)} }};"]
    if session.next_hop:
        channel.append(f"next hop {session.next_hop};")
    lines += [f"  {family_of(session.address).channel} {{", *(f"    {line}" for line in channel), "  };"]
    return _block(f"protocol bgp {session.name} from bgp_template", lines)


def _keep() -> list[str]:
    """Take a learned route's gateway for its next hop: BIRD 1.6 does it for `next hop keep` by itself, BIRD 2 does not."""
    return ["if ( (source = RTS_INHERIT) && (dest = RTD_UNICAST) ) then bgp_next_hop = gw;"]


def _block(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head} {{", *lines, "}"])
