"""Reasons not to touch the cluster's objects, each with its cure: what somebody else installed, what does not fit. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubepeer import safe_yaml, versions
from kubepeer.intent import Intent
from kubepeer.intent.families import IPV4, IPV6, named
from tasks.cluster import bgp_objects, foreign, manifests, undeclared
from tasks.cluster.api import Manifest
from tasks.cluster.balancers import former, provided

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
INSTALLATIONS = f"{CRDS}/{manifests.INSTALLATIONS}"
# Written by calico-node; where Calico's kinds are the cluster's own (native CRDs) it is kept elsewhere, and not judged by.
CALICO_VERSION = "/apis/crd.projectcalico.org/v1/clusterinformations/default"
NATIVE = (
    "bgppeers.projectcalico.org"  # a definition of the cluster's own, where no API server of Calico's serves its kinds
)
KUBEADM_CONFIG = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
ASKED = (
    *foreign.ASKED,
    *(INSTALLATIONS, CALICO_VERSION, f"{CRDS}/{NATIVE}", KUBEADM_CONFIG),
    *former.ASKED,
)
SELECTOR_BYTES = 4096  # of BGPPeer.nodeSelector, from Calico 3.32 on
INTERFACE = re.compile(r"[a-zA-Z0-9_.*-]{1,15}")  # libcalico-go, validator/v3: bgpFilterInterface
COMMUNITY = re.compile(r"\d+:\d+(:\d+)?")


@dataclass(frozen=True)
class Found:
    """What the cluster and the manifests have.

    Attributes:
        operator, definitions, balancer: the objects of the manifests of the inventory.
        standing: path -> object, of those in ASKED that are there; None where there is no API yet.
        foreign_definitions: names of definitions in the manifests that stand, are otherwise, and that we did not make.
        undeclared: what the API that runs says of fields that it does not have, of the kinds that no manifest defines.

    """

    operator: list[Manifest] = field(default_factory=list)
    definitions: list[Manifest] = field(default_factory=list)
    balancer: list[Manifest] = field(default_factory=list)
    standing: Mapping[str, Manifest] | None = None
    foreign_definitions: Sequence[str] = ()
    undeclared: Sequence[str] = ()

    @property
    def defining(self) -> list[Manifest]:
        """The objects of the manifests, among which the definitions of our kinds may be."""
        return [*self.operator, *self.definitions, *self.balancer]


def reasons(intent: Intent, found: Found, *, upgrading: bool = False) -> list[str]:
    """Why not to begin; empty when all is clear.

    Args:
        intent: the inventory's.
        found: what the cluster and the manifests have.
        upgrading: a newer Calico was asked for.

    """
    standing = found.standing or {}
    return [
        *manifests.calico_reasons(found.operator, found.definitions, stands=INSTALLATIONS in standing),
        *provided.of(intent).reasons(intent, found.balancer),
        *foreign.reasons(standing, adopt=intent.software.adopt_calico),
        *_other_families(intent, standing),
        *_another_calico(intent, standing, upgrading=upgrading),
        *_another_mode(found),
        *_definitions_of_others(found),
        *former.reasons(intent, standing),
        *_rules(bgp_objects.bgp(intent, None)),
        *undeclared.reasons(intent, found.defining),
        *found.undeclared,
    ]


def _other_families(intent: Intent, standing: Mapping[str, Manifest]) -> list[str]:
    """A cluster has the families of its birth: the apiserver's networks, and every Node's, are from then (kubeadm, Dual-stack support)."""
    text = (standing.get(KUBEADM_CONFIG, {}).get("data") or {}).get("ClusterConfiguration") or ""
    networking = (safe_yaml.load(text) or {}).get("networking") or {}
    services = str(networking.get("serviceSubnet") or "")
    if not services:
        return []
    has = tuple(IPV6 if ":" in network else IPV4 for network in services.split(","))
    wanted = intent.cluster.networks.versions
    if has == wanted:
        return []
    what = f"the cluster was made with {named(has)} ({services}), and cluster.networks is of {named(wanted)}"
    cure = "give cluster.networks those, in that order, or make the cluster anew"
    return [f"{what}: deploy.py does not change a cluster's families: {cure}"]


def _another_calico(intent: Intent, standing: Mapping[str, Manifest], *, upgrading: bool) -> list[str]:
    """An operator of another version would move every node to it."""
    running, wanted = running_calico(standing.get(CALICO_VERSION)), intent.software.calico
    if running in ("", wanted):
        return []
    what, back = (
        f"the cluster runs Calico {running}, the inventory says {wanted}",
        f"set software.calico and manifests to {running}",
    )
    if versions.released(running) > versions.released(wanted):
        return [f"{what}, and Calico does not go back to an older version: {back}"]
    if upgrading:
        return []
    return [f"{what}, and deploy.py does not upgrade: python runbooks/upgrade.py --calico does, or {back}"]


def running_calico(information: Manifest | None) -> str:
    """The version that calico-node has written down last; "" where none is known."""
    told = str(((information or {}).get("spec") or {}).get("calicoVersion") or "")
    found = re.match(r"v?(\d+\.\d+\.\d+)", told)
    return found[1] if found else ""


def _another_mode(found: Found) -> list[str]:
    """A cluster keeps the way in which Calico's kinds are served (Calico, Upgrade: "Your CRD mode is preserved")."""
    standing = found.standing or {}
    native = any(one["metadata"]["name"] == NATIVE for one in found.defining)
    if not native or CALICO_VERSION not in standing or f"{CRDS}/{NATIVE}" in standing:
        return []
    what = f"Calico's API server serves its kinds here, and the manifests define them as the cluster's own ({NATIVE})"
    return [
        f"{what}: name those of crd.projectcalico.org, or migrate first (docs.tigera.io, Migrate to native v3 CRDs)"
    ]


def _definitions_of_others(found: Found) -> list[str]:
    names = list(found.foreign_definitions)
    if not names:
        return []
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    what = f"the definition {names[0]}{more} stands here otherwise than in the manifests, and Kubepeer did not make it"
    return [
        f"{what}: correct the versions and addresses in the inventory, or remove what is left of another installation"
    ]


def _rules(wanted: Sequence[Manifest]) -> list[str]:
    """Calico's own rules, which its server does not check in a dry run (libcalico-go, validator/v3)."""
    found = []
    for manifest in wanted:
        spec, name = manifest.get("spec") or {}, manifest["metadata"]["name"]
        if spec.get("node") and spec.get("nodeSelector"):
            found.append(f"BGPPeer {name}: node and nodeSelector exclude each other")
        if len(str(spec.get("nodeSelector", "")).encode()) > SELECTOR_BYTES:
            found.append(f"BGPPeer {name}: its nodeSelector is longer than {SELECTOR_BYTES} bytes")
        named = {one["name"] for one in spec.get("communities", ())}
        values = [one["value"] for one in spec.get("communities", ())]
        used = [
            one for entry in spec.get("prefixAdvertisements", ()) for one in entry["communities"] if one not in named
        ]
        found += [
            f"{value} is no community of Calico's" for value in (*values, *used) if not COMMUNITY.fullmatch(value)
        ]
        every = [rule for export in ("exportV4", "exportV6") for rule in spec.get(export, ())]
        rules = [rule["interface"] for rule in every if "interface" in rule]
        found += [
            f"{name} is no interface that Calico can filter by" for name in rules if not INTERFACE.fullmatch(name)
        ]
    return found
