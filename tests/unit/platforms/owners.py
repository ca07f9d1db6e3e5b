"""Configurations of owners, drawn from pieces of each platform's grammar: our nodes' addresses stand anywhere in them."""

from collections.abc import Callable, Mapping

from hypothesis import strategies as st

Path = tuple[str, ...]
NODES = [f"10.31.90.{number}" for number in range(1, 7)]
LEFT = "10.31.90.9"  # a node that was there once
OTHERS = ["10.255.1.0", "172.16.0.9", "10.31.90.10", "10.31.90.100"]
VRFS = ["CUSTOMER", "CLUSTER", "GUESTS"]
GROUPS = ["SPINE", "OFFICE", "KUBEPEER2", "MY-KUBEPEER", "KUBE"]
POLICIES = ["NODES", "OFFICE", "XKUBEPEER-IN", "KUBEPEER2-IN", "KUBEPEERS"]
address = st.sampled_from([*NODES, LEFT, *OTHERS])
group = st.sampled_from(GROUPS)
policy = st.sampled_from(POLICIES)
as_number = st.sampled_from([64517, 64500, 65009, 4200000001])


def one_of(*forms: str) -> st.SearchStrategy[str]:
    """One of these lines, with an address, a group, a policy and an AS filled in."""
    filled = st.fixed_dictionaries({"a": address, "g": group, "p": policy, "n": as_number})
    return st.builds(lambda form, values: form.format(**values), st.sampled_from(forms), filled)


def block(context: Path, lines: st.SearchStrategy[str], *, header: bool = True) -> st.SearchStrategy[list[Path]]:
    """Some lines in a context, which is there even if they are none."""
    start = [context[: depth + 1] for depth in range(len(context))] if header else []
    return st.lists(lines, max_size=6, unique=True).map(lambda found: [*start, *((*context, line) for line in found)])


def together(*blocks: st.SearchStrategy[list[Path]]) -> st.SearchStrategy[list[Path]]:
    """Blocks one after the other; what is said twice is there once, each line behind what it stands under."""
    return st.tuples(*blocks).map(lambda found: _sorted(path for one in found for path in one))


def _sorted(paths: object) -> list[Path]:
    said = list(dict.fromkeys(paths))  # type: ignore[call-overload]
    result: list[Path] = []

    def walk(above: Path) -> None:
        for path in said:
            if path[:-1] == above:
                result.append(path)
                walk(path)

    walk(())
    return result


NEIGHBOR = (
    "neighbor {a} remote-as {n}",
    "neighbor {a} description rack {g}",
    "neighbor {a} ebgp-multihop 3",
    "neighbor {a} timers 10 30",
    "neighbor {a} password 7 0837",
    "neighbor {g} description KUBEPEER",
)
IN_FAMILY = (
    "neighbor {a} activate",
    "neighbor {a} route-map {p} in",
    "neighbor {a} route-map {p} out",
    "neighbor {g} activate",
    "neighbor {g} route-map {p} in",
    "network 10.40.0.0/16",
    "redistribute connected",
)
LISTS = ("seq 5 permit {a}/32", "seq 10 permit 10.31.0.0/16 ge 32")
PROCESS = "router bgp 64512"


def _named(*forms: str) -> list[str]:
    return [form.format(p=name) for form in forms for name in POLICIES]


def _eos() -> st.SearchStrategy[list[Path]]:
    said = one_of(*NEIGHBOR, "neighbor {a} peer group {g}", "neighbor {g} peer group", "neighbor {a} route-map {p} in")
    process = one_of(
        "router-id 10.255.0.1",
        "maximum-paths 2",
        "maximum-paths 64",
        "bgp listen range 10.0.0.0/8 peer-group {g} remote-as {n}",
    )
    blocks = [
        st.just([(f"vrf instance {name}",) for name in VRFS]),
        *(block((line,), one_of(*LISTS)) for line in _named("ip prefix-list {p}", "peer-filter {p}")[:7]),
        block(("route-map NODES permit 10",), one_of("match ip address prefix-list {p}", "set local-preference 200")),
        block(("router ospf 1",), one_of("neighbor {a} cost 5", "network {a}/32 area 0")),
        block((PROCESS,), st.one_of(said, process)),
        *(block((PROCESS, f"address-family {name}"), one_of(*IN_FAMILY)) for name in ("ipv4", "ipv6", "evpn")),
    ]
    for name in VRFS:
        said_there = st.one_of(said, one_of("rd 10.255.0.1:7", "maximum-paths 8", "route-target import evpn 7:7"))
        blocks += [
            block((PROCESS, f"vrf {name}"), said_there),
            block((PROCESS, f"vrf {name}", "address-family ipv4"), one_of(*IN_FAMILY)),
        ]
    return together(*blocks)


def _ios() -> st.SearchStrategy[list[Path]]:
    peers = (*NEIGHBOR, "neighbor {a} peer-group {g}", "neighbor {g} peer-group")
    process = one_of(
        "bgp router-id 10.255.0.1", "bgp log-neighbor-changes", "bgp listen range 10.0.0.0/8 peer-group {g}"
    )
    families = ("ipv4", "ipv6", "vpnv4", "l2vpn evpn")
    blocks = [
        st.just(
            [path for name in VRFS for path in ((f"vrf definition {name}",), (f"vrf definition {name}", "rd 1:7"))]
        ),
        block(
            (),
            one_of(
                "ip prefix-list {p} seq 5 permit {a}/32",
                "ip route 10.33.0.0 255.255.0.0 {a}",
                "ip as-path access-list 46 permit _{n}_",
            ),
        ),
        block(("route-map NODES permit 10",), one_of("match ip address prefix-list {p}", "match as-path 46")),
        block(
            ("router ospf 1",),
            one_of(
                "neighbor {a} cost 5",
            ),
        ),
        block((PROCESS,), st.one_of(one_of(*peers), process)),
        *(block((PROCESS, f"address-family {name}"), one_of(*IN_FAMILY, "maximum-paths 2")) for name in families),
    ]
    for name in VRFS:
        there = one_of(*peers, *IN_FAMILY, "maximum-paths 8", "import path selection all")
        blocks.append(block((PROCESS, f"address-family ipv4 vrf {name}"), there))
    return together(*blocks)


def _nxos() -> st.SearchStrategy[list[Path]]:
    of_peer = one_of(
        "remote-as {n}", "description rack {g}", "inherit peer {g}", "timers 10 30", "update-source loopback0"
    )
    of_family = one_of("route-map {p} in", "route-map {p} out", "send-community", "maximum-prefix 50")

    def peers(context: Path) -> st.SearchStrategy[list[Path]]:
        def built(found: list[tuple[str, list[str], list[str] | None]]) -> list[Path]:
            lines: list[Path] = []
            for name, said, family in found:
                header = (*context, f"neighbor {name}")
                lines += [header, *((*header, line) for line in said)]
                if family is not None:
                    inside = (*header, "address-family ipv4 unicast")
                    lines += [inside, *((*inside, line) for line in family)]
            return lines

        some = st.tuples(
            address,
            st.lists(of_peer, max_size=3, unique=True),
            st.none() | st.lists(of_family, max_size=2, unique=True),
        )
        return st.lists(some, max_size=4, unique_by=lambda one: one[0]).map(built)

    family = "address-family ipv4 unicast"
    blocks = [
        st.just([("feature bgp",), *((f"vrf context {name}",) for name in VRFS)]),
        block((), one_of("ip prefix-list {p} seq 5 permit {a}/32", "ip route 10.33.0.0/16 {a}")),
        block(
            ("route-map NODES permit 10",),
            one_of(
                "match ip address prefix-list {p}",
            ),
        ),
        block((PROCESS,), one_of("router-id 10.255.0.1", "log-neighbor-changes")),
        block((PROCESS, family), one_of("maximum-paths 2", "network 10.40.0.0/16")),
        block(
            (PROCESS, "address-family l2vpn evpn"),
            one_of(
                "retain route-target all",
            ),
        ),
        *(block((PROCESS, f"template peer {name}"), of_peer) for name in GROUPS),
        peers((PROCESS,)),
    ]
    for name in VRFS:
        blocks += [
            block(
                (PROCESS, f"vrf {name}"),
                one_of(
                    "log-neighbor-changes",
                ),
            ),
            block((PROCESS, f"vrf {name}", family), one_of("maximum-paths 8", "redistribute direct route-map {p}")),
            peers((PROCESS, f"vrf {name}")),
        ]
    return together(*blocks)


def _words(*forms: str) -> st.SearchStrategy[list[Path]]:
    return st.lists(one_of(*forms).map(lambda line: tuple(line.split())), max_size=8, unique=True)


def _joined(*parts: st.SearchStrategy[list[Path]]) -> st.SearchStrategy[list[Path]]:
    return st.tuples(*parts).map(lambda found: list(dict.fromkeys(path for one in found for path in one)))


def _junos() -> st.SearchStrategy[list[Path]]:
    bgp = (
        "protocols bgp group {g} neighbor {a} peer-as {n}",
        "protocols bgp group {g} neighbor {a} description KUBEPEER",
        "protocols bgp group {g} import {p}",
        "protocols bgp group {g} type external",
    )
    vrfs = [f"routing-instances {name} " for name in VRFS]
    return _joined(
        st.just([("routing-instances", name, "instance-type", "vrf") for name in VRFS]),
        st.just([("routing-options", "autonomous-system", "64512")]),
        _words(*bgp, "policy-options policy-statement {p} term 1 from neighbor {a}", "policy-options as-path {p} {n}"),
        _words(
            *(
                f"{vrf}{line}"
                for vrf in vrfs
                for line in (*bgp, "route-distinguisher 7:7", "routing-options static route {a}/32 discard")
            )
        ),
        _words(
            "groups KUBEPEER protocols bgp group {g} neighbor {a}",
            "logical-systems L protocols bgp group KUBEPEER neighbor {a}",
        ),
        _words("routing-options forwarding-table export {p}", "policy-options community {p} members 64512:300"),
    )


def _vyos() -> st.SearchStrategy[list[Path]]:
    bgp = (
        "protocols bgp neighbor {a} remote-as {n}",
        "protocols bgp neighbor {a} peer-group {g}",
        "protocols bgp neighbor {a} address-family ipv4-unicast route-map import {p}",
        "protocols bgp peer-group {g} remote-as {n}",
        "protocols bgp address-family ipv4-unicast maximum-paths ebgp 2",
        "protocols bgp listen range 10.0.0.0/8 peer-group {g}",
    )
    vrfs = [f"vrf name {name} " for name in VRFS]
    return _joined(
        st.just([("vrf", "name", name, "table", "100") for name in VRFS]),
        st.just([("protocols", "bgp", "system-as", "64512")]),
        _words(*bgp, "policy prefix-list {p} rule 5 prefix {a}/32", "protocols ospf neighbor {a} priority 5"),
        _words(*(f"{vrf}{line}" for vrf in vrfs for line in (*bgp, "protocols static route {a}/32 blackhole"))),
    )


def _frr() -> st.SearchStrategy[list[Path]]:
    peers = (*NEIGHBOR[:5], "neighbor {a} peer-group {g}", "neighbor {g} peer-group")
    family = "address-family ipv4 unicast"
    blocks = [
        st.just(
            [
                ("frr version 10.3",),
                ("frr defaults traditional",),
                ("hostname edge",),
                *((f"vrf {name}",) for name in VRFS),
            ]
        ),
        block((), one_of("ip prefix-list {p} seq 5 permit {a}/32", "ip route 10.33.0.0/16 {a}")),
        block(("router ospf",), one_of("neighbor {a}", "network {a}/32 area 0")),
        block((PROCESS,), one_of(*peers)),
        block((PROCESS, family), one_of(*IN_FAMILY[:4])),
        block(
            ("route-map NODES permit 10",),
            one_of(
                "match ip address prefix-list {p}",
            ),
        ),
    ]
    for name in VRFS:
        blocks += [
            block((f"{PROCESS} vrf {name}",), one_of(*peers)),
            block((f"{PROCESS} vrf {name}", family), one_of(*IN_FAMILY[:4])),
        ]
    return together(*blocks)


CONFIGURATIONS: Mapping[str, Callable[[], st.SearchStrategy[list[Path]]]] = {
    "eos": _eos,
    "ios": _ios,
    "nxos": _nxos,
    "junos": _junos,
    "vyos": _vyos,
    "frr": _frr,
}
