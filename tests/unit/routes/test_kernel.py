"""The kernel's routes as different programs print them, one small file a form."""

import re
import shutil
import subprocess
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError
from kubepeer.intent.families import IPV6, Address, Network
from tasks.linux.observe import Answer
from tasks.platforms import kernel, kernel_flows, kernel_questions, kernel_text
from tasks.platforms.seen import KernelRoute, RouterSeen

FOLDER = Path(__file__).parent / "kernel"


def as_written(route: KernelRoute | None) -> str:
    """PREFIX by PROTOCOL metric N: HOPS, and `?` where there may be more of them."""
    if route is None:
        return "no route"
    by = f" by {route.protocol}" if route.protocol else ""
    return f"{route.prefix}{by} metric {route.metric}: {' '.join(sorted(route.hops)) or 'nothing'}{' ?' * bool(route.untold)}"


@pytest.mark.cases("kernel")
def test_the_kernels_routes_are_read_from(case: dict[str, Any]) -> None:
    answer = Answer(case.get("code", 0), case["said"])
    if "error" in case:
        with pytest.raises(CommandError) as raised:
            kernel.read_routes([answer])
        assert raised.value.message == case["error"]
        assert "\n" not in raised.value.message
        return
    read = kernel.read_routes([answer])
    assert [as_written(route) for routes in read.values() for route in routes] == case["routes"]
    for prefix, hops in case.get("taken", {}).items():
        chosen = RouterSeen(kernel=read).chosen_kernel(IPv4Network(prefix))
        assert chosen
        assert sorted(chosen.hops) == hops


PROBES = {IPv4Network("10.33.6.0/24"): IPv4Address("10.33.6.1"), IPv4Network("10.31.90.1"): IPv4Address("10.31.90.1")}


def flows(hops: list[str], number: int = kernel_flows.NUMBER_OF_FLOWS, prefix: str = "10.33.6.0/24") -> Answer:
    """What busybox 1.35 says of many flows to one address (recorded in a network namespace)."""
    lines = [f"10.33.6.1 from 10.31.0.{n} via {hop} dev d0  iif d0" for n, hop in enumerate(hops, 1)]
    return Answer(0, "\n".join([f"{kernel_flows.FLOWS} 10.33.6.1 {prefix} {number}", *lines]))


SIX = [f"10.31.90.{number}" for number in range(1, 7)]


def test_many_flows_show_the_next_hops_that_busybox_does_not() -> None:
    (taken,) = kernel.read_lookups(flows(SIX), PROBES).values()
    assert taken
    assert (taken.hops, taken.untold) == (frozenset(SIX), "")
    listed = kernel.read_routes([Answer(0, f"usage\n{kernel_questions.TEXT}\n10.33.6.0/24  metric 20 \n")])
    seen = RouterSeen(kernel=listed, lookups={IPv4Network("10.33.6.0/24"): taken})
    assert seen.chosen_kernel(IPv4Network("10.33.6.0/24")) == taken


def test_flows_that_were_too_few_leave_it_open() -> None:
    (taken,) = kernel.read_lookups(flows(SIX, number=30), PROBES).values()
    assert taken
    assert taken.untold == kernel_text.OF_BUSYBOX


def test_flows_that_another_prefix_takes_are_no_route_of_this_one() -> None:
    lookups = kernel.read_lookups(flows(SIX, prefix="default"), PROBES)
    assert RouterSeen(lookups=lookups).chosen_kernel(IPv4Network("10.33.6.0/24")) is None


def test_lookups_through_next_hop_objects_have_the_members_of_the_group() -> None:
    """iproute2 6.1, nexthop_compat_mode=0."""
    local = '[{"type":"local","dst":"127.0.0.1","dev":"lo","protocol":"kernel","flags":[]}]'
    said = (
        f'[{{"dst":"10.33.6.0/24","nhid":30,"protocol":"bgp","metric":20,"flags":[]}}]\n{local}\n'
        f'[{{"dst":"10.31.0.0/16","dev":"d0","protocol":"kernel","flags":[]}}]\n{local}\n\n{kernel_questions.NEXTHOPS}\n'
        '[{"id":30,"group":[{"id":31},{"id":32}]},{"id":31,"gateway":"10.31.90.1","dev":"d0"},{"id":32,"gateway":"10.31.90.2","dev":"d0"}]'
    )
    taken = kernel.read_lookups(Answer(0, said), PROBES)
    assert [as_written(route) for route in taken.values()] == [
        "10.33.6.0/24 by bgp metric 20: 10.31.90.1 10.31.90.2",
        "10.31.0.0/16 by kernel metric 0: dev d0",
    ]
    assert RouterSeen(lookups=taken).gateways("10.31.90.1") == {"10.31.90.1"}  # on a link


@pytest.mark.parametrize(
    ("said", "gateways"),
    [
        ('[{"dst":"10.31.90.0/24","gateway":"10.31.0.254","dev":"d0","flags":[]}]', {"10.31.0.254"}),
        (
            '[{"dst":"10.31.90.0/24","flags":[],"nexthops":[{"gateway":"10.31.0.1","dev":"a"},{"gateway":"10.31.0.2","dev":"b"}]}]',
            {"10.31.0.1", "10.31.0.2"},
        ),
        ('[{"dst":"10.31.90.0/24","dev":"wg0","flags":[]}]', {"10.31.90.1"}),
        ('[{"unreachable","dst":"10.31.90.0/24","flags":[]}]', {"unreachable"}),  # iproute2 4.20
        ("", set()),
    ],
)
def test_a_node_is_reached_by_what_the_kernels_route_to_it_has(said: str, gateways: set[str]) -> None:
    local = '[{"type":"local","dst":"127.0.0.1","dev":"lo","flags":[]}]'
    node = IPv4Network("10.31.90.1")
    lookups = kernel.read_lookups(Answer(0, f"{said}\n{local}"), {node: IPv4Address("10.31.90.1")})
    assert RouterSeen(lookups=lookups).kernel_gateways("10.31.90.1") == gateways


BUSYBOX = """#!/bin/sh
case "$*" in
  -*j*|*fibmatch*) echo "Usage: ip [OPTIONS] address|route" >&2; exit 1 ;;
  "-o -4 addr show") printf '%s\\n' "1: lo    inet 127.0.0.1/8 scope host lo" "3: wg0    inet 10.9.0.1 peer 10.9.0.2/32 scope global" \\
     "4: eth1    inet 192.0.2.1/30 scope global eth1" "5: eth0    inet 10.31.0.1/16 scope global eth0" ;;
  "route show") printf '%s\n' "default via 10.31.0.254 dev eth0 " "10.33.0.0/16  metric 20 " \\
     "10.33.5.0/24 via 10.31.90.1 dev eth0  metric 20 " \\
     "10.33.6.0/24  metric 20 " "blackhole 10.33.7.0/24 "; [ ! -e "${0%/*}/foreign" ] || cat "${0%/*}/foreign" ;;
  "route show root 10.33.0.0/16") printf '%s\\n' "10.33.5.0/24 via 10.31.90.1 dev eth0  metric 20 " "10.33.6.0/24  metric 20 " ;;
  "route get 10.33.6.1 from 10.31.0."*" iif eth0") n=${5##*.}; echo "10.33.6.1 from $5 via 10.31.90.$((n % 6 + 1)) dev eth0  iif eth0" ;;
  "-o -6 addr show") printf '%s\\n' "1: lo    inet6 ::1/128 scope host " "3: dummy0    inet6 fd00:9::1/128 scope global " \\
     "5: eth0    inet6 fe80::aff:fe1f:fefd/64 scope link " "5: eth0    inet6 fd00:10:31::254:253/64 scope global " ;;
  "-6 route show") printf '%s\\n' "fd00:10:31::/64 dev eth0  metric 256 " "fd00:10:33::/56  metric 20 " \\
     "fd00:10:33::40/122 via fd00:10:31::90:1 dev eth0  metric 20 " "fd00:10:33:8000::/106  metric 20 " \\
     "default via fe80::1 dev eth0  metric 1024 " "multicast ff00::/8 dev eth0  metric 256 " ;;
  "-6 route show root "*) printf '%s\\n' "fd00:10:33::40/122 via fd00:10:31::90:1 dev eth0  metric 20 " \\
     "fd00:10:33:8000::/106  metric 20 " ;;
  "-6 route get fd00:10:33:8000::3f:1 from fd00:10:31::254:"*" iif eth0") n=${6##*:}
     echo "fd00:10:33:8000::3f:1 from $6 via fd00:10:31::90:$((n % 6 + 1)) dev eth0  metric 20  iif eth0" ;;
  *) echo "ip: RTNETLINK answers: Invalid argument" >&2; exit 2 ;;
esac
"""


@pytest.fixture
def busybox(tmp_path: Path) -> Callable[[str], Answer]:
    """Ask a router whose ip is busybox's, as busybox 1.35 answers."""
    (tmp_path / "ip").write_text(BUSYBOX, encoding="utf-8")
    (tmp_path / "ip").chmod(0o755)
    for name in ("awk", "cat", "grep", "sh"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))

    def asked(question: str) -> Answer:
        done = subprocess.run(
            ["/bin/sh", "-c", f"{{ {question}\n}} 2>&1"],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": str(tmp_path)},
        )
        return Answer(done.returncode, done.stdout)

    return asked


@pytest.mark.parametrize("foreign", [0, 10_000])
def test_a_router_with_busybox_alone_tells_all_its_next_hops(
    busybox: Callable[[str], Answer], tmp_path: Path, foreign: int
) -> None:
    """Also one with more routes of several next hops than an argument or a variable of the environment has room for (MAX_ARG_STRLEN)."""
    networks = IPv4Network("20.0.0.0/8").subnets(new_prefix=26)
    (tmp_path / "foreign").write_text("".join(f"{next(networks)}  metric 20 \n" for _ in range(foreign)))
    five, six = IPv4Network("10.33.5.0/24"), IPv4Network("10.33.6.0/24")
    probes = {five: IPv4Address("10.33.5.1"), six: IPv4Address("10.33.6.1")}
    listed = kernel.read_routes([busybox(kernel_questions.routes_question(IPv4Network("10.33.0.0/16")))])
    seen = RouterSeen(
        kernel=listed, lookups=kernel.read_lookups(busybox(kernel_questions.lookups_question(probes.values())), probes)
    )
    one, several = seen.chosen_kernel(five), seen.chosen_kernel(six)
    assert one and several  # noqa: PT018
    assert (one.hops, one.untold) == ({"10.31.90.1"}, "")
    assert (several.hops, several.untold) == (set(SIX), "")


def test_a_router_with_busybox_alone_tells_all_its_next_hops_of_ipv6(busybox: Callable[[str], Answer]) -> None:
    """As busybox 1.35 answers: a route of several next hops has none, and those of multicast stand among the others."""
    one, several = IPv6Network("fd00:10:33::40/122"), IPv6Network("fd00:10:33:8000::/106")
    beside = IPv6Network("fd00:10:33:8000:0:0:40::/106")
    probes: dict[Network, Address] = {
        one: IPv6Address("fd00:10:33::41"),
        several: IPv6Address("fd00:10:33:8000::3f:1"),
        beside: IPv6Address("fd00:10:33:8000::40:1"),  # one bit behind the end of the other
    }
    listed = kernel.read_routes(
        [busybox(kernel_questions.routes_question(IPv6Network("fd00:10:33::/48")))], version=IPV6
    )
    lookups = kernel.read_lookups(busybox(kernel_questions.lookups_question(probes.values())), probes)
    seen = RouterSeen(kernel=listed, lookups=lookups)
    alone, all_of_them = seen.chosen_kernel(one), seen.chosen_kernel(several)
    assert alone and all_of_them  # noqa: PT018
    assert (alone.hops, alone.untold) == ({"fd00:10:31::90:1"}, "")
    assert (all_of_them.hops, all_of_them.untold) == ({f"fd00:10:31::90:{n}" for n in range(1, 7)}, "")
    assert beside not in lookups


def test_a_vrf_is_not_asked_of_busybox(busybox: Callable[[str], Answer]) -> None:
    answer = busybox(kernel_questions.routes_question(IPv4Network("10.33.0.0/16"), "lo"))  # a device of any kind
    with pytest.raises(CommandError, match="which alone knows VRFs"):
        kernel.read_routes([answer])


def test_a_vrf_that_is_neither_device_nor_namespace_is_one_line(busybox: Callable[[str], Answer]) -> None:
    answer = busybox(kernel_questions.routes_question(IPv4Network("10.33.0.0/16"), "no-such-vrf"))
    with pytest.raises(CommandError, match="there is no VRF no-such-vrf"):
        kernel.read_routes([answer])


def test_questions_about_a_vrf_never_fall_back_on_the_main_table() -> None:
    asked = kernel_questions.routes_question(IPv4Network("10.33.0.0/16"), "RED")
    assert "/proc/net/route" not in asked
    assert all("vrf RED" in part or "-n RED" in part for part in re.findall(r"ip [^&|;]*route show[^&|;}]*", asked))
    assert "vrf RED" in kernel_questions.lookups_question(PROBES.values(), "RED")
