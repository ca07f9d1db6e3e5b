"""The HTTP proxies of the inventory: who is told of them, in which form, and what never goes through one. Pure.

Who reads a proxy from its environment takes names, .domains, addresses and networks in NO_PROXY (Go's http.ProxyFromEnvironment:
containerd, kubeadm; curl takes networks from 7.86 on). apt takes neither domains nor networks: of each host that its repositories name
it is told by name.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import quote

from kubepeer.intent import Intent
from kubepeer.intent.families import IPV6
from tasks.linux.observe import Seen
from tasks.linux.state import Execute, LinuxChange, Remove, file, marker_of
from tasks.nodes.given import Given

APT_FILE = "/etc/apt/apt.conf.d/80kubepeer-proxy"
DROP_IN = "/etc/systemd/system/containerd.service.d/90-kubepeer-proxy.conf"
ENVIRONMENT_FILE = "/etc/containerd/kubepeer-proxy.env"
PATHS = (APT_FILE, DROP_IN, ENVIRONMENT_FILE)
DROP_IN_TEXT = f"""# Written by Kubepeer: containerd pulls images through the proxies of the inventory.
[Service]
EnvironmentFile={ENVIRONMENT_FILE}
"""
HOST = re.compile(r"https?://([^/\s:]+)")


@dataclass(frozen=True)
class Values:
    """What a program is told: "" where the inventory says nothing.

    Attributes:
        username: of the login, and the password: in neither address.

    """

    http: str
    https: str
    no_proxy: tuple[str, ...]
    username: str = ""
    password: str = ""

    def with_login(self, address: str) -> str:
        """An address as programs take it that know no other place for a login (RFC 3986, 3.2.1)."""
        if not (address and self.username):
            return address
        scheme, rest = address.split("://", 1)
        return f"{scheme}://{quote(self.username, safe='')}:{quote(self.password, safe='')}@{rest}"

    @property
    def environment(self) -> dict[str, str]:
        """HTTP_PROXY and its kind."""
        named = {"HTTP_PROXY": self.with_login(self.http), "HTTPS_PROXY": self.with_login(self.https)}
        return {name: value for name, value in named.items() if value} | {"NO_PROXY": ",".join(self.no_proxy)}


def exceptions(intent: Intent) -> tuple[str, ...]:
    """What is the cluster's own: the endpoint, all networks, the services' names; and what the inventory adds.

    Nodes are in it by their network: by their names each new one would restart containerd on all others.
    """
    cluster = intent.cluster
    endpoint, networks = cluster.endpoint, cluster.networks
    loopback = ("127.0.0.0/8", *(["::1"] if IPV6 in networks.versions else []))
    names = ("localhost", *loopback, *endpoint.addresses, endpoint.name, cluster.endpoint_name)
    own = [network for family in networks.families for network in (family.nodes, *family.announced)]
    extra = intent.proxy.no_proxy_extra if intent.proxy else ()
    every = (*names, *own, ".svc", f".{cluster.dns_domain}", *extra)
    return tuple(dict.fromkeys(map(str, every)))


def values(intent: Intent, given: Given) -> Values | None:
    """What programs are told; None where the inventory names no proxy. Package managers, containerd and kubeadm take theirs from here."""
    proxy = intent.proxy
    if proxy is None:
        return None
    username = proxy.login.username if proxy.login else ""
    return Values(proxy.http or "", proxy.https or "", exceptions(intent), username, given.proxy_password)


def hosts_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The hosts of the addresses in texts: a repository's line, the place of an archive."""
    return tuple(dict.fromkeys(host for text in texts for host in HOST.findall(text)))


def repositories(intent: Intent) -> tuple[str, ...]:
    """The texts with the addresses that packages come from."""
    return (*intent.packages.repositories, *(one.baseurl for one in intent.packages.rpm_repositories))


def exports(told: Values | None, texts: Iterable[str] = ()) -> str:
    """The beginning of a script that reaches for what is not the cluster's own; it holds the login, and travels on standard input.

    Args:
        told: from values().
        texts: with the addresses that it asks. apt, and curl before 7.86, take no networks in NO_PROXY: whom one covers is named besides.

    """
    if told is None:
        return ""
    direct = (host for host in hosts_of(texts) if is_direct(host, told.no_proxy))
    environment = told.environment | {"NO_PROXY": ",".join(dict.fromkeys((*told.no_proxy, *direct)))}
    quoted = {name: shlex.quote(value) for name, value in environment.items()}
    lines = [f"{name}={value}; {name.lower()}=${name}; export {name} {name.lower()}" for name, value in quoted.items()]
    return "\n".join(lines) + "\n"


def is_direct(host: str, no_proxy: tuple[str, ...]) -> bool:
    """Whether NO_PROXY covers a host, as Go reads it: a name and its subdomains, an address, a network."""
    for entry in no_proxy:
        try:
            if ip_address(host) in ip_network(entry):
                return True
        except ValueError:
            name = entry.lstrip(".")
            if host.endswith(f".{name}") or (host == name and not entry.startswith(".")):
                return True
    return False


def plan_apt(intent: Intent, seen: Seen, given: Given) -> Iterator[LinuxChange | None]:
    """Apt's proxies, before it is asked for anything."""
    told = values(intent, given)
    text = None if told is None else _apt(intent, told)
    yield _file(APT_FILE, text, seen, secret=told is not None and bool(told.username))


def plan_containerd(intent: Intent, seen: Seen, given: Given) -> Iterator[LinuxChange | None]:
    """Containerd's environment, in a file of its own: systemctl shows everybody what stands in a unit."""
    told = values(intent, given)
    lines = None if told is None else "".join(f'{name}="{value}"\n' for name, value in told.environment.items())
    secret = told is not None and bool(told.username)
    yield _file(ENVIRONMENT_FILE, lines, seen, secret=secret, restarts="containerd")
    yield _file(DROP_IN, None if told is None else DROP_IN_TEXT, seen, restarts="containerd")


def _apt(intent: Intent, told: Values) -> str:
    hosts = hosts_of(intent.packages.repositories)
    lines = ["// Written by Kubepeer: the proxies of the inventory. The next run restores it."]
    for scheme, address in (("http", told.http), ("https", told.https)):
        if address:
            lines.append(f'Acquire::{scheme}::Proxy "{told.with_login(address)}";')
            lines += [f'Acquire::{scheme}::Proxy::{host} "DIRECT";' for host in hosts if is_direct(host, told.no_proxy)]
    return "\n".join(lines) + "\n"


def _file(path: str, text: str | None, seen: Seen, *, secret: bool = False, restarts: str = "") -> LinuxChange | None:
    """The file with that text, or none; a file that is to go may hold a login, too."""
    stands = seen.files[path]
    marker = marker_of(restarts) if restarts else ""
    if text is not None:
        return file(path, text, stands, mode="600" if secret else "644", secret=secret, restart_marker=marker)
    if stands is None:
        return None
    first = (Execute(path, f"touch -- {marker}"),) if marker else ()
    return LinuxChange(path, stands.content, None, secret=stands.mode == "600", steps=(*first, Remove(path)))
