"""The arguments of runbooks/adopt.py, and what stands in the files that they name."""

import argparse
import re
from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from kubepeer.errors import UsageError
from kubepeer.intent.cluster_api import ClusterApi
from kubepeer.secret import Redactor, SecretSource
from kubepeer.settings import read_yaml
from tasks.adopt.written import Wanted
from tasks.cluster.direct import DirectApi, by_address, from_kubeconfig
from tasks.platforms.platform import PLATFORMS

ROUTER = re.compile(r"(?P<name>[^=\s]+)=(?P<address>[0-9.]+):(?P<platform>[a-z]+)")
NOTHING = "Nothing was contacted."


def parser(description: str | None) -> argparse.ArgumentParser:
    """All of them."""
    made = argparse.ArgumentParser(prog="adopt", description=description)
    add = made.add_argument
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--kubeconfig", type=Path, metavar="FILE", help="of the cluster; its current context counts")
    where.add_argument("--server", metavar="https://HOST:PORT", help="the API, with --ca and a token")
    add("--ca", type=Path, metavar="FILE", help="the certificate of the cluster's CA")
    add("--server-name", metavar="NAME", help="what the API's certificate is checked against, if not HOST")
    token = made.add_mutually_exclusive_group()
    token.add_argument("--token-file", type=Path, metavar="FILE", help="with the token of a service account; mode 0600")
    token.add_argument("--token-env", metavar="NAME", help="the environment variable with the token")
    add(
        "--to",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where the inventory is written; nothing is overwritten",
    )
    add(
        "--router",
        action="append",
        default=[],
        metavar="NAME=ADDRESS:PLATFORM",
        help=f"a router that the nodes peer with; platforms: {', '.join(PLATFORMS)}; repeatable",
    )
    add("--hosts", type=Path, metavar="FILE", help="a hosts.yaml of Nornir that has the routers, with their platforms")
    add("--name", help="the cluster's name (default: that of the kubeconfig)")
    add("--username", metavar="USER", help="who logs in to the routers")
    add("--namespace", metavar="NAME", help="the network namespace from which cluster and routers are reached")
    return made


def router(text: str) -> Wanted:
    """One that the command line names.

    Raises:
        UsageError: it is none, or of a platform that there is not.

    """
    parts = ROUTER.fullmatch(text)
    address = _address(parts["address"]) if parts else None
    if parts is None or address is None:
        raise UsageError(
            f"--router {text}: this is NAME=ADDRESS:PLATFORM. Nothing was contacted.",
            cure="--router edge1=10.0.0.1:PLATFORM, with the address of IPv4 that the nodes peer with",
        )
    _refuse_unknown_platform(f"--router {text}", parts["platform"])
    return Wanted(parts["name"], address, parts["platform"])


def _refuse_unknown_platform(where: str, platform: object) -> None:
    if platform not in PLATFORMS:
        raise UsageError(
            f"{where}: there is no platform {platform!r}. Nothing was contacted.", cure=f"one of {', '.join(PLATFORMS)}"
        )


def _address(text: object) -> IPv4Address | None:
    try:
        return IPv4Address(str(text))
    except AddressValueError:
        return None


def of_hosts_file(path: Path) -> Sequence[Wanted]:
    """The hosts with a platform of ours, their own or by a group of that name, and an address of IPv4."""
    every = []
    for name, entry in read_yaml(path, str(path)).items():
        if not isinstance(entry, Mapping):
            continue
        data = entry.get("data") or {}
        peering = (data.get("peering") or {}).get("address") or data.get("address")
        address = _address(peering or entry.get("hostname"))
        named = [entry.get("platform"), *(entry.get("groups") or ())]
        platform = next((one for one in named if one in PLATFORMS), None)
        if address and platform:
            further = {key: entry[key] for key in ("hostname", "port", "username") if entry.get(key) is not None}
            every.append(Wanted(str(name), address, platform, further))
    return every


def api_of(given: argparse.Namespace, redactor: Redactor) -> tuple[DirectApi, dict[str, Any], str]:
    """The API, the keys of the section cluster that lead to it, and what the cluster is called there."""
    if given.kubeconfig:
        if given.ca or given.token_file or given.token_env or given.server_name:
            raise UsageError(
                f"--ca, --token-* and --server-name go with --server. {NOTHING}", cure="--kubeconfig alone"
            )
        api, called = from_kubeconfig(given.kubeconfig.absolute(), redactor)
        return api, {"kubeconfig": _shown(given.kubeconfig, given.to)}, called
    if not given.ca or not (given.token_file or given.token_env):
        raise UsageError(f"--server goes with --ca, and --token-file or --token-env. {NOTHING}", cure="add them")
    token = {"file": _shown(given.token_file, given.to)} if given.token_file else {"env": given.token_env}
    said = {"server": given.server, "ca": _shown(given.ca, given.to), "token": token}
    said |= {"server_name": given.server_name} if given.server_name else {}
    read = _section(said)
    return by_address(read, given.to.absolute(), redactor), {"api": said}, "kubernetes"


def _section(said: Mapping[str, Any]) -> ClusterApi:
    try:
        return ClusterApi(**{**said, "token": SecretSource(**said["token"])})
    except ValueError as error:
        raise UsageError(
            f"--server {said['server']}: this is https://HOST:PORT. {NOTHING}", cure="the API's address"
        ) from error


def _shown(path: Path, folder: Path) -> str:
    """A path as config.yaml's folder sees it: relative where it lies in it."""
    absolute, base = path.absolute(), folder.absolute()
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)
