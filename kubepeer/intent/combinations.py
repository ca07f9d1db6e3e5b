"""What the versions of an inventory cannot do together, and what the projects have not tested together: by versions.yaml. Pure."""

import re
from collections.abc import Iterator

from kubepeer import versions
from kubepeer.intent import balancing
from kubepeer.intent.calicoctl import mismatch
from kubepeer.intent.contradiction import Contradiction
from kubepeer.intent.model import Intent

SUPPORTED: tuple[versions.Project, ...] = ("kubernetes", "calico", "purelb", "metallb")
NFTABLES = "linuxDataplane Nftables"
LARGEST_AS = (1 << 31) - 1  # asNumber of BGPPeer and BGPConfiguration is an int32 in the CRDs of 3.24.5 to 3.32.1
OF_MINOR = re.compile(r"/core:/stable:/v(\d+\.\d+)/")  # https://kubernetes.io/blog/2023/08/15/pkgs-k8s-io-introduction/
OF_VERSION = re.compile(r"/v(\d+\.\d+\.\d+)/")  # a tag in the address of a manifest


def refusals(intent: Intent) -> Iterator[Contradiction]:
    """What cannot work, with what would fit."""
    yield from _out_of_range(intent)
    yield from _proxy_mode(intent)
    yield from _sources(intent)
    yield from _sessions(intent)
    for what, cure in mismatch(intent.software.calicoctl, intent.software.calico):
        yield Contradiction(what, key="software.calicoctl.version", cure=cure)


def warnings(intent: Intent) -> Iterator[str]:
    """What may work: one line each, for who runs it. The inventory must have passed refusals()."""
    if intent.cluster.adopted:
        return
    software = intent.software
    tested = versions.calico(software.calico).tested
    if versions.minor(software.kubernetes) not in tested:
        fits = versions.calico_for(software.kubernetes)
        with_it = f"is with Calico {_range(fits)}" if fits else f"is with none up to {versions.supported('calico')[1]}"
        yield (
            f"Kubernetes {software.kubernetes} and Calico {software.calico} were not tested together by the projects: "
            f"Calico {versions.minor(software.calico)} was with Kubernetes {_range(tested)}, "
            f"Kubernetes {versions.minor(software.kubernetes)} {with_it}"
        )
    yield from balancing.warnings(intent)
    if software.proxy_mode == "ipvs" and versions.has("kubernetes", software.kubernetes, "IPVS deprecated"):
        first = versions.minor(versions.since("kubernetes", "IPVS deprecated"))
        yield f"software.proxy_mode: ipvs is deprecated since Kubernetes {first} and will go: iptables or nftables stay"


def _range(minors: tuple[str, ...]) -> str:
    return f"{minors[0]} to {minors[-1]}" if len(minors) > 1 else minors[0]


def _out_of_range(intent: Intent) -> Iterator[Contradiction]:
    for project in SUPPORTED:
        version = getattr(intent.software, project)
        if version is not None and not versions.is_supported(project, version):
            first, last = versions.supported(project)
            yield Contradiction(
                f"{versions.NAMES[project]} {version} is none that Kubepeer builds",
                key=f"software.{project}",
                cure=f"a version of {first} to {last}",
            )


def _proxy_mode(intent: Intent) -> Iterator[Contradiction]:
    software = intent.software
    if software.proxy_mode != "nftables":
        return
    if not versions.has("kubernetes", software.kubernetes, "nftables proxy mode"):
        first = versions.since("kubernetes", "nftables proxy mode")
        yield Contradiction(
            f"Kubernetes {software.kubernetes} has no nftables (on by default from {first})",
            key="software.proxy_mode",
            cure=f"ipvs or iptables, or Kubernetes from {first} on",
        )
    elif not versions.has("calico", software.calico, NFTABLES):
        first = versions.since("calico", NFTABLES)
        yield Contradiction(
            f"Calico {software.calico} has no data plane for nftables (from {first} on)",
            key="software.proxy_mode",
            cure=f"iptables, or Calico from {first} on",
        )


def _sources(intent: Intent) -> Iterator[Contradiction]:
    """Packages and manifests must be of the versions that the inventory names, where their address says of which they are."""
    kubernetes = versions.minor(intent.software.kubernetes)
    packages = intent.packages
    kinds = (
        ("repositories", packages.repositories, "packages.keyrings"),
        ("rpm_repositories", [repository.baseurl for repository in packages.rpm_repositories], "its gpgkey"),
    )
    for key, addresses, keys in kinds:
        offered = [minor for address in addresses for minor in OF_MINOR.findall(address)]
        if offered and kubernetes not in offered:
            yield Contradiction(
                f"the packages are of Kubernetes {', '.join(offered)}, software.kubernetes is {intent.software.kubernetes}",
                key=f"packages.{key}",
                cure=f"core:/stable:/v{kubernetes}/ here and in {keys}, or another software.kubernetes",
            )
    manifests = intent.manifests
    named = (
        ("calico", manifests.calico, intent.software.calico, "software.calico"),
        ("calico_crds", manifests.calico_crds or "", intent.software.calico, "software.calico"),
        ("purelb", manifests.purelb or "", intent.software.purelb, "software.purelb"),
        ("metallb", manifests.metallb or "", intent.software.metallb, "software.metallb"),
    )
    for key, address, version, said in named:
        tag = OF_VERSION.search(address)
        if tag and version and tag[1] != version:
            yield Contradiction(f"is the manifest of {tag[1]}, {said} is {version}", key=f"manifests.{key}")


def _sessions(intent: Intent) -> Iterator[Contradiction]:
    calico = intent.software.calico
    if intent.cluster.bgp.as_number > LARGEST_AS:
        yield Contradiction(_too_large(intent.cluster.bgp.as_number), key="cluster.bgp.as_number")
    for router in intent.routers:
        if router.as_number > LARGEST_AS:
            yield Contradiction(_too_large(router.as_number), host=router.name, key="as_number")
        if router.peering.ttl_security and not versions.has("calico", calico, "BGPPeer.ttlSecurity"):
            first = versions.since("calico", "BGPPeer.ttlSecurity")
            yield Contradiction(
                f"the nodes must send with TTL 255, and Calico {calico} cannot (from {first} on)",
                host=router.name,
                key="peering.ttl_security",
                cure=f"ttl_security: false, or Calico from {first} on",
            )


def _too_large(as_number: int) -> str:
    return f"Calico's API takes no AS above {LARGEST_AS} (found {as_number})"
