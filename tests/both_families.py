"""The inventory of examples/dual-stack as edits of the checkout's own; and the same with IPv6 alone."""

from typing import Any

import yaml

from tests.conftest import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "dual-stack"


def _file(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLE / name).read_text(encoding="utf-8"))
    return document


def dual_stack() -> dict[str, Any]:
    """As the fixtures project and intent_of take edits."""
    return {"hosts": _file("hosts.yaml"), "groups": _file("groups.yaml")}


def ipv6_only() -> dict[str, Any]:
    """The second family of the example, as the only one: SSH goes by it, too."""
    hosts = {
        name: {
            **entry,
            "hostname": entry["data"]["address6"],
            "data": {**{key: value for key, value in entry["data"].items() if key != "address6"}, "address6": None},
        }
        for name, entry in _file("hosts.yaml").items()
    }
    cluster = _file("groups.yaml")["fabric"]["data"]["cluster"]
    networks = {kind: values[1] for kind, values in cluster["networks"].items()}
    endpoint = {"address": cluster["endpoint"]["address"][1]}
    return {
        "hosts": hosts,
        "groups": {"fabric": {"data": {"cluster": {"networks": networks, "endpoint": endpoint}}}},
    }
