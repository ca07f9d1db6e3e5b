"""Every text that templates make, by the code that makes it in a run, for three clusters."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from kubepeer.intent import Intent
from tasks.cluster import bgp_objects, objects
from tasks.cluster.balancers import provided
from tasks.control_plane import kube_vip
from tasks.control_plane.endpoint import PATHS, plan_endpoint
from tasks.control_plane.join_secrets import JoinSecrets
from tasks.control_plane.kubeadm import init_configuration, join_configuration
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import LinuxChange, Write, present
from tasks.linux.templates import render
from tasks.nodes import clock, firewalld, runtime
from tasks.nodes.given import Given
from tasks.nodes.repository import Repository
from tasks.nodes.systems import System
from tasks.platforms.platform import PLATFORMS, context
from tests.both_families import dual_stack, ipv6_only

ARCHIVES = {
    "firewall": "open",
    "runtime_archives": {
        "containerd": {"version": "2.3.5", "url": "https://mirror.example.net/containerd.tar.gz", "sha256": "0" * 64}
    },
}


def metallb(load_balancer: dict[str, Any]) -> dict[str, Any]:
    """MetalLB in the place of PureLB."""
    return {
        "software": {"metallb": "0.15.2", "purelb": None},
        "manifests": {"metallb": "metallb-native.yaml", "purelb": None},
        "load_balancer": {"provider": "metallb", **load_balancer},
    }


ANNOUNCED = {"aggregation_length": 24, "communities": ["64517:80", "bgp-large-community"]}
# name -> arguments of the fixture intent_of. The fourth is between the oldest and the newest, with all that may be left out; then come
# the other load balancers.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "seed": {"defaults": "seed"},
    "today": {"defaults": "today"},
    "lab": {"defaults": "lab"},
    "1.31.0": {
        "defaults": "today",
        "defaults_file": {
            "data": {
                "software": {
                    "kubernetes": "1.31.0",
                    "calico": "3.30.7",
                    "purelb": "0.14.1",
                    "proxy_mode": "nftables",
                    "kube_vip_image": "ghcr.io/kube-vip/kube-vip:v0.8.9",
                }
                | ARCHIVES,
                "registries": {
                    "docker.io": "http://10.31.0.2:5000",
                    "registry.k8s.io": {
                        "url": "https://mirror.example.net/v2/k8s",
                        "override_path": True,
                        "ca": "ca.pem",
                        "login": {"username": "puller", "password": {"env": "NOT_READ"}},
                    },
                },
                "time": {"daemon": "ntp"},
            }
        },
        "groups": {
            "fabric": {
                "data": {
                    "cluster": {"bgp": {"restart_seconds": 60}, "endpoint": {"prefix_length": 16, "unicast": True}}
                }
            },
            "routers": {"data": {"peering": {"ttl_security": True}}},
        },
    },
    "metallb-allocates": {"defaults": "today", "defaults_file": {"data": metallb({})}},
    "metallb-speaks": {
        "defaults": "today",
        "defaults_file": {"data": metallb({"announced_by": "metallb", "bgp": "frr-k8s"} | ANNOUNCED)},
        "groups": {
            "routers": {"data": {"peering": {"bfd": True, "multihop": 2}}},
            "fabric": {"data": {"cluster": {"bgp": {"pod_communities": []}}}},
        },
        "hosts": {"k8s-calico-worker-10-31-90-6": {"data": {"as_number": 64999, "routers": ["openwrt"]}}},
    },
    "calico-allocates": {"defaults": "today", "defaults_file": {"data": {"load_balancer": {"provider": "calico"}}}},
}
VARIANTS = {
    **VARIANTS,
    "dual-stack": {"defaults": "today", **dual_stack()},
    "ipv6": {"defaults": "today", **ipv6_only()},
}
LOGINS = {"registry.k8s.io": "tutorial"}
PASSWORDS = {"1.31.0": "tutorial", "metallb-speaks": "tutorial"}
ONE_PATH = "router bgp 64512\n address-family ipv4 unicast\n  maximum-paths 1\n"
JOIN = JoinSecrets("abcdef.0123456789abcdef", "0123456789abcdef" * 4)
CA_HASH = "sha256:" + "fedcba9876543210" * 4


def rendered(variant: str, intent: Intent) -> dict[str, str]:
    """Name of a golden file -> text."""
    password = PASSWORDS.get(variant)
    return {
        **dict(_endpoint(intent, password)),
        **dict(_kubeadm(intent)),
        **dict(_runtime(intent)),
        **dict(_routers(intent, password)),
        **dict(_cluster(intent, password)),
    }


def _files(changes: tuple[LinuxChange, ...]) -> Iterator[tuple[str, str]]:
    for change in changes:
        yield from ((step.path, step.content) for step in change.steps if isinstance(step, Write))


def _endpoint(intent: Intent, password: str | None) -> Iterator[tuple[str, str]]:
    node = intent.control_planes[0]
    for path, content in _files(
        plan_endpoint(intent, node, Seen({"restarts": Answer(0, "")}, dict.fromkeys(PATHS)), password)
    ):
        yield f"control_plane{path.replace('/etc', '', 1)}", content
    if intent.software.kube_vip_image:
        for path, content in kube_vip.files(intent, node, None, cluster_stands=False).items():
            yield f"control_plane{path.replace('/etc', '', 1)}", content


def _kubeadm(intent: Intent) -> Iterator[tuple[str, str]]:
    yield "kubeadm/init.yaml", init_configuration(intent, intent.control_planes[0], JOIN)
    yield "kubeadm/join-control-plane.yaml", join_configuration(intent, intent.control_planes[1], JOIN, CA_HASH)
    yield "kubeadm/join-worker.yaml", join_configuration(intent, intent.workers[0], JOIN, CA_HASH)


def _runtime(intent: Intent) -> Iterator[tuple[str, str]]:
    node = intent.control_planes[0]
    seen = Seen(defaultdict(lambda: Answer(0, "")), defaultdict(lambda: None))
    given = Given(
        certificates=dict.fromkeys(LOGINS, "-----BEGIN CERTIFICATE-----\n"),
        passwords=LOGINS,
    )
    changes = present(
        *runtime.plan(intent, seen, given, Repository(), ("active", "enabled")),
        *clock.plan_servers(intent, System("debian"), seen),
        *(firewalld.plan(intent, node, seen) if intent.software.firewall == "open" else ()),
    )
    for path, content in _files(changes):
        yield f"node{path.replace('/etc', '', 1)}", content


def _routers(intent: Intent, password: str | None) -> Iterator[tuple[str, str]]:
    for router in intent.routers:
        running = ONE_PATH if password else ""
        text = render(PLATFORMS[router.platform].template, **context(intent, router, running, password))
        yield f"routers/{router.name}.conf", text


def _cluster(intent: Intent, password: str | None) -> Iterator[tuple[str, str]]:
    made = {
        "calico": objects.calico(intent),
        "bgp": bgp_objects.bgp(intent, password),
        "load_balancer": provided.of(intent).objects(intent, password),
        "workload": objects.workload(intent),
    }
    for name, manifests in made.items():
        if not manifests:
            continue  # of Calico without BGP
        yield f"cluster/{name}.yaml", yaml.safe_dump_all(manifests, sort_keys=False)
