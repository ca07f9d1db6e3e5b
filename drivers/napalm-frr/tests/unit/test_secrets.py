"""Passwords and keys: hidden from people, and kept off the router's command lines."""

from __future__ import annotations

import pytest

from napalm_frr.configuration import read
from napalm_frr.secrets import hide, restoration

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
        ("service password-encryption", "service password-encryption"),
        ("no neighbor 192.0.2.1 password", "no neighbor 192.0.2.1 password"),
    ],
)
def test_secrets_are_hidden(line: str, hidden: str) -> None:
    assert hide(line) == hidden


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
