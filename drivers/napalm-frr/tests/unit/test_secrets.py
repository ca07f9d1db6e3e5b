"""Passwords and keys: hidden from people, and kept off the router's command lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from napalm_frr.configuration import read
from napalm_frr.secrets import hide, restoration

FULL = Path(__file__).parent.parent / "full"
BGP = "router bgp 1\n neighbor 192.0.2.1 remote-as 5\n"


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        (" neighbor 192.0.2.1 password s3cret", " neighbor 192.0.2.1 password ********"),
        ("password zebra", "password ********"),
        ("enable password 8 PO8W/u5bpuVzI", "enable password 8 ********"),
        ("  key-string s3cret", "  key-string ********"),
        (" ip ospf message-digest-key 1 md5 s3cret", " ip ospf message-digest-key 1 md5 ********"),
        (" ip ospf authentication-key s3cret", " ip ospf authentication-key ********"),
        (" area-password md5 s3cret", " area-password md5 ********"),
        (" isis password clear s3cret", " isis password clear ********"),
        (
            " neighbor 192.0.2.1 description password of the day",
            " neighbor 192.0.2.1 description password ******** the day",
        ),
        (" neighbor 192.0.2.1 password two words", " neighbor 192.0.2.1 password ********"),
        (" msdp peer 192.0.2.1 password s3cret", " msdp peer 192.0.2.1 password ********"),
        (" ip rip authentication string two words", " ip rip authentication string ********"),
        (" openfabric password clear s3cret", " openfabric password clear ********"),
        (" domain-password clear s3cret authenticate snp", " domain-password clear ******** authenticate snp"),
        (
            " area 1 virtual-link 192.0.2.9 message-digest-key 1 md5 s3cret",
            " area 1 virtual-link 192.0.2.9 message-digest-key 1 md5 ********",
        ),
        (
            " area 1 virtual-link 192.0.2.9 authentication-key s3cret",
            " area 1 virtual-link 192.0.2.9 authentication-key ********",
        ),
        (
            " ipv6 ospf6 authentication key-id 1 hash-algo md5 key s3cret",
            " ipv6 ospf6 authentication key-id 1 hash-algo md5 key ********",
        ),
        (" ip nhrp authentication s3cret", " ip nhrp authentication ********"),
        ("    tcp-md5-auth s3cret", "    tcp-md5-auth ********"),
        ("service password-encryption", "service password-encryption"),
        ("no neighbor 192.0.2.1 password", "no neighbor 192.0.2.1 password"),
    ],
)
def test_secrets_are_hidden(line: str, hidden: str) -> None:
    assert hide(line) == hidden


@pytest.mark.parametrize("path", sorted(FULL.glob("*.conf")), ids=lambda path: path.stem)
def test_no_secret_of_a_full_configuration_is_shown(path: Path) -> None:
    """Every secret that tests/full/asked hands out begins with s3cret, the terminal's with letmein."""
    text = path.read_text(encoding="utf-8")
    assert "s3cret" in text or "router bgp" not in text
    assert not [line for line in hide(text).splitlines() if "s3cret" in line or "letmein" in line]


def test_a_changed_password_is_set_before_frr_reload_runs() -> None:
    fragment = restoration(
        read(f"{BGP} neighbor 192.0.2.1 password new\n"), read(f"{BGP} neighbor 192.0.2.1 password old\n")
    )
    assert fragment == "router bgp 1\n neighbor 192.0.2.1 password old\nexit\n"


def test_a_password_that_goes_is_taken_away_before_frr_reload_runs() -> None:
    fragment = restoration(read(f"{BGP} neighbor 192.0.2.1 password new\n"), read(BGP))
    assert fragment == "router bgp 1\n no neighbor 192.0.2.1 password new\nexit\n"


def test_a_context_that_goes_as_a_whole_needs_nothing() -> None:
    assert restoration(read(f"{BGP} neighbor 192.0.2.1 password new\n"), read("ip forwarding\n")) == ""


def test_equal_secrets_need_nothing() -> None:
    text = f"{BGP} neighbor 192.0.2.1 password same\n"
    assert restoration(read(text), read(text)) == ""
