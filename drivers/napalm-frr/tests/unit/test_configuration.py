"""Reading and writing FRR's configuration."""

from __future__ import annotations

import pytest

from napalm_frr.configuration import parse, read, text_of, without_headline
from napalm_frr.contexts import Path

NEIGHBOR = "neighbor 192.0.2.1 remote-as 5"
FAMILY = "address-family ipv4 unicast"


def paths(text: str) -> list[Path]:
    return [statement.path for statement in parse(text)]


def test_closers_are_not_needed_where_the_indentation_says_it() -> None:
    text = f"router bgp 1\n {NEIGHBOR}\n {FAMILY}\n  maximum-paths 4\n bgp router-id 1.1.1.1\nrouter ospf\n"
    assert paths(text) == [
        ("router bgp 1",),
        ("router bgp 1", NEIGHBOR),
        ("router bgp 1", FAMILY),
        ("router bgp 1", FAMILY, "maximum-paths 4"),
        ("router bgp 1", "bgp router-id 1.1.1.1"),
        ("router ospf",),
    ]


def test_indentation_is_not_needed_where_closers_say_it() -> None:
    text = f"router bgp 1\n{FAMILY}\nmaximum-paths 4\nexit-address-family\n{NEIGHBOR}\nexit\nrouter ospf\n"
    assert paths(text)[-2:] == [("router bgp 1", NEIGHBOR), ("router ospf",)]


def test_a_whole_fragment_may_be_indented() -> None:
    assert paths(f"    router bgp 1\n     {NEIGHBOR}\n    ip prefix-list A seq 5 permit any\n") == [
        ("router bgp 1",),
        ("router bgp 1", NEIGHBOR),
        ("ip prefix-list A seq 5 permit any",),
    ]


def test_lines_that_can_only_be_meant_for_the_top_leave_a_context() -> None:
    assert paths("route-map A permit 10\nset metric 5\nroute-map B deny 10\nip prefix-list A seq 5 permit any\n") == [
        ("route-map A permit 10",),
        ("route-map A permit 10", "set metric 5"),
        ("route-map B deny 10",),
        ("ip prefix-list A seq 5 permit any",),
    ]


def test_a_context_that_the_tables_do_not_know_is_told_by_its_indentation() -> None:
    text = "flux capacitor 1\n power 88\nexit\nip forwarding\n"
    assert paths(text) == [("flux capacitor 1",), ("flux capacitor 1", "power 88"), ("ip forwarding",)]
    assert parse(text)[0].is_context


def test_crooked_indentation_makes_no_context_of_a_neighbour() -> None:
    assert paths(f"router bgp 1\n neighbor A peer-group\n   {NEIGHBOR}\n")[-1] == ("router bgp 1", NEIGHBOR)


def test_line_numbers_count_comments_and_blanks() -> None:
    assert [one.number for one in parse("! words\n\nrouter ospf\n # more\n network 10.0.0.0/8 area 0\n")] == [3, 5]


def test_what_is_written_reads_the_same() -> None:
    text = (
        f"vrf red\n ip route 10.0.0.0/8 blackhole\nexit-vrf\nrouter bgp 1\n {NEIGHBOR}\n {FAMILY}\n  maximum-paths 4\n"
        " exit-address-family\nexit\nkey chain K\n key 1\n  key-string x\n exit\nexit\n"
    )
    assert text_of(read(text)) == text


def test_what_get_config_returned_can_be_loaded_again() -> None:
    text = without_headline("Building configuration...\n\nCurrent configuration:\n!\nip forwarding\nend\n")
    assert text == "!\n\n!\n!\nip forwarding\nend\n"


@pytest.mark.parametrize("header", ["frr version 8.4.4", "Building configuration...", "Current configuration:", "!"])
def test_headers_are_no_configuration(header: str) -> None:
    assert read(f"{header}\nip forwarding\n").paths == (("ip forwarding",),)
