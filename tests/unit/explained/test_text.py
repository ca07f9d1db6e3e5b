"""The inventory as text: YAML that says what it should, remarks in a column, and no secret."""

import re
from typing import Any

import pytest
import yaml

from kubepeer.explained.lines import Lines
from kubepeer.explained.text import as_yaml
from kubepeer.explained.tree import HIDDEN, OURS, Branch, Items, Leaf, Origin, hidden, plain
from tests.conftest import LOADER

HERE = Origin("host", "hosts.yaml", 3)


def leaf(value: Any, **further: Any) -> Leaf:
    return Leaf(value, HERE, **further)


VALUES = [
    "plain", "with: a colon", "- a dash", "off", "0o17", "1e3", "10", "", " ", "#",
    "two\nlines", "tab\there", "a\u2028b", "ü", "'", '"', "{a}",
    "null", "64517:300:100", "3.10", "=", "*x", "&x", "!x", "%x", "@x", "`x", 0, 1.5, True, False, None, [], {},
    ["a: b", "c, d", "e\nf"], [1, "1"],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_is_read_as_what_it_is(value: Any) -> None:
    tree = Branch({"key": leaf(value), "other key: x": Items((Branch({"a": leaf(value), "b": leaf(1)}), leaf(value)))})
    assert yaml.load(as_yaml(tree), Loader=LOADER) == plain(tree)  # noqa: S506  a safe loader, by libyaml
    assert all(re.search(r":$|[-:] .*  # hosts\.yaml:3$", line) for line in as_yaml(tree).splitlines())
    assert yaml.load(as_yaml(tree, remarks=False), Loader=LOADER) == plain(tree)  # noqa: S506


def test_remarks_stand_in_a_column_and_can_be_left_out() -> None:
    group = Origin("group", "groups.yaml", 61, name="rack-2", key="rack.as_number")
    tree = Branch(
        {
            "hostname": leaf("10.31.90.1"),
            "data": Branch(
                {
                    "as_number": Leaf(64520, group),
                    "routers": Leaf(["a", "b"], Origin("follows", key="all that there are"), follows=True),
                    "interface": Leaf("eth0", OURS),
                    "rules": Items((Branch({"action": leaf("Accept"), "cidr": leaf("10.0.0.0/8")}),)),
                    "lines": leaf(["deb https://packages.example.com/one stable main", "deb https://packages.example.com/two"]),
                    "empty": Branch({}),
                }
            ),
        }
    )  # fmt: skip
    assert as_yaml(tree) == (
        """\
hostname: 10.31.90.1              # hosts.yaml:3
data:
  as_number: 64520                # rack.as_number of group rack-2, groups.yaml:61
  # routers: [a, b]               # all that there are
  interface: eth0                 # Kubepeer's default
  rules:
    - action: Accept              # hosts.yaml:3
      cidr: 10.0.0.0/8            # hosts.yaml:3
  lines:                          # hosts.yaml:3
    - deb https://packages.example.com/one stable main
    - deb https://packages.example.com/two
  empty: {}
"""
    )
    bare = as_yaml(tree, remarks=False)
    assert "#" not in bare
    assert "routers" not in bare
    assert yaml.safe_load(bare) == yaml.safe_load(as_yaml(tree)) == plain(tree)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("webhookApiKey", "s3cret", HIDDEN),
        ("oidc-client-secret", ["s3cret"], [HIDDEN]),
        ("example.com/token", "s3cret", HIDDEN),
        ("url", "https://reader:s3cret@example.com/apt", f"https://{HIDDEN}@example.com/apt"),
        ("repositories", ["deb https://s3cret@example.com/ a b"], [f"deb https://{HIDDEN}@example.com/ a b"]),
        ("proxy_jump", "admin@192.0.2.1:22", "admin@192.0.2.1:22"),
        ("token-auth-file", "/etc/tokens", "/etc/tokens"),
        ("password_login", "kept", "kept"),
        ("path", "https://example.com/a@b", "https://example.com/a@b"),
    ],
)
def test_what_may_be_a_secret_is_hidden(key: str, value: Any, shown: Any) -> None:
    tree = Items((Branch({key: leaf(value)}),))
    assert plain(hidden(tree)) == [{key: shown}]


def test_a_source_is_no_secret() -> None:
    tree = Branch(
        {"password": Branch({"env": leaf("BGP_PASSWORD")}), "secret": Branch({"command": leaf("pass show x")})}
    )
    assert hidden(tree) == tree


FILE = """\
common: &common
  a: 1

hosts:
  one:
    <<: *common
    b:
      - x
      - y: 2
  two: *common
  3: {c: 4}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("common", "a"), 2),
        (("hosts", "one"), 5),
        (("hosts", "one", "b"), 7),
        (("hosts", "one", "b", 0), 8),
        (("hosts", "one", "b", 1, "y"), 9),
        (("hosts", "one", "a"), 2),
        (("hosts", "two", "a"), 2),
        (("hosts", "3", "c"), 11),
        (("hosts", "one", "b", 7), 7),
        (("hosts", "one", "unknown", "deeper"), 5),
        (("nobody",), None),
        ((), None),
    ],
)
def test_a_key_has_its_line(path: tuple[str | int, ...], line: int | None) -> None:
    assert Lines(FILE).line(path) == line


def test_a_file_of_nothing_has_no_lines() -> None:
    assert Lines("# nothing\n").line(("a",)) is None
