"""The files of an inventory of routers alone, as texts. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import yaml

from tasks.adopt.found import Found, FoundRouter

CONFIG, HOSTS, GROUPS, DEFAULTS = "config.yaml", "hosts.yaml", "groups.yaml", "defaults.yaml"
WIDTH = 140


@dataclass(frozen=True)
class Wanted:
    """A router as the command line, or a hosts file, knows it.

    Attributes:
        further: of its entry of a hosts file: hostname, port, username.

    """

    name: str
    address: IPv4Address
    platform: str
    further: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Adopted:
    """What is written.

    Attributes:
        name: of the cluster.
        api: the keys that say where the API is: kubeconfig, or api.
        routers: with the AS that the cluster says of them.
        left: routers whose platform nobody has said.
        maximum_prefixes: of cluster.bgp.

    """

    name: str
    api: Mapping[str, Any]
    found: Found
    routers: tuple[tuple[Wanted, int], ...]
    left: tuple[FoundRouter, ...] = ()
    username: str | None = None
    namespace: str | None = None
    maximum_prefixes: int | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """What a person has to look at."""
        lines = [
            f"{router.name} ({router.address}, AS {router.as_number}): its platform: {HOSTS} has it as a comment"
            for router in self.left
        ]
        if self.username is None:
            lines.append(f"the user to log in to the routers as: username in {DEFAULTS}, or User of ssh_config")
        lines.append(
            "the routers' management addresses, where they are others than those that the nodes peer with: hostname in"
            f" {HOSTS}, and data.peering.address for the sessions"
        )
        lines.append(
            "what the routers themselves have: communities that they set, VRFs, BFD, graceful restart (data.peering)"
        )
        return (*lines, *self.found.unknown)


def files(adopted: Adopted, platforms: Mapping[str, Any]) -> dict[str, str]:
    """The four files, name -> text.

    Args:
        adopted: what is known.
        platforms: the entries of groups for platforms, as the shipped inventory has them.

    """
    return {
        CONFIG: _commented(
            "Nornir's own configuration. Paths are taken from this file's folder.", _config(adopted.namespace)
        ),
        HOSTS: _hosts(adopted),
        GROUPS: _groups(adopted, platforms),
        DEFAULTS: _defaults(adopted.username),
    }


def _config(namespace: str | None) -> dict[str, Any]:
    ours = {"host_keys": "accept-new", "known_hosts": "var/known_hosts", "state": "var"}
    return {
        "inventory": {
            "plugin": "SimpleInventory",
            "options": {"host_file": HOSTS, "group_file": GROUPS, "defaults_file": DEFAULTS},
        },
        "runner": {"plugin": "threaded"},
        "logging": {"enabled": False},
        "user_defined": ({"namespace": namespace} if namespace else {}) | ours,
    }


def _hosts(adopted: Adopted) -> str:
    entries = {
        router.name: {
            "hostname": str(router.address),
            **router.further,
            "groups": [router.platform],
            "data": {"as_number": as_number, **_peering(router)},
        }
        for router, as_number in adopted.routers
    }
    text = _commented(f"The routers of {adopted.name}. Its nodes are no hosts: they are what its API says.", entries)
    for router in adopted.left:
        entry = {
            router.name: {
                "hostname": str(router.address),
                "groups": ["PLATFORM"],
                "data": {"as_number": router.as_number},
            }
        }
        text += f"\n# Its platform is not known: a group of {GROUPS}, as inventory/groups.yaml of Kubepeer has them.\n"
        text += "".join(f"# {line}\n" for line in _dumped(entry).splitlines())
    return text


def _peering(router: Wanted) -> dict[str, Any]:
    elsewhere = router.further.get("hostname", str(router.address)) != str(router.address)
    return {"peering": {"address": str(router.address)}} if elsewhere else {}


def _groups(adopted: Adopted, platforms: Mapping[str, Any]) -> str:
    found = adopted.found
    bgp = dict(found.cluster["bgp"])
    if adopted.maximum_prefixes is not None:
        bgp["maximum_prefixes"] = adopted.maximum_prefixes
    cluster = {"name": adopted.name, **adopted.api, **found.cluster, "bgp": bgp}
    used = dict.fromkeys(router.platform for router, _ in adopted.routers)
    groups = {
        "fabric": {"data": {"cluster": cluster, "load_balancer": dict(found.load_balancer)}},
        "routers": {"groups": ["fabric"]},
        **{name: platforms[name] for name in used},
    }
    head = [
        f"What runbooks/adopt.py has read of {adopted.name}. The nodes, their addresses and their AS are read anew by every run.",
        "Not known, or not modelled:",
        *(f"- {line}" for line in adopted.unknown),
    ]
    return _commented("\n".join(head), groups)


def _defaults(username: str | None) -> str:
    if username is not None:
        return _commented("True of all routers.", {"username": username})
    return "# True of all routers: username, connection_options with key_file (docs/inventory.md).\n{}\n"


def _commented(comment: str, document: Mapping[str, Any]) -> str:
    return "".join(f"# {line}\n" for line in comment.splitlines()) + _dumped(document)


def _dumped(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, width=WIDTH, allow_unicode=True)


def joined(
    found: Iterable[FoundRouter], wanted: Iterable[Wanted]
) -> tuple[tuple[tuple[Wanted, int], ...], tuple[FoundRouter, ...]]:
    """The routers whose platform is known, with their AS, and those that are left."""
    by_address = {router.address: router for router in found}
    known = tuple((router, by_address[router.address].as_number) for router in wanted if router.address in by_address)
    taken = {router.address for router, _ in known}
    return known, tuple(router for router in by_address.values() if router.address not in taken)
