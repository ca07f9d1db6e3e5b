"""What a node is given where the cluster has IPv6 beside IPv4, or alone."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.control_plane.certificate import names
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.nodes import forwarding, hosts, kernel, proxy, sysctls
from tasks.nodes.firewall import needs
from tasks.nodes.openings import openings
from tasks.nodes.plan import plan_kubelet
from tasks.nodes.systems import read
from tests.both_families import dual_stack, ipv6_only

NODE = "k8s-calico-worker-10-31-90-4"
ACCEPT_RA = "net.ipv6.conf.eth0.accept_ra"
DEBIAN = Answer(0, "ID=debian\nVERSION_ID=12\n")


@pytest.fixture
def both(intent_of: Any) -> Intent:
    intent: Intent = intent_of(**dual_stack())
    return intent


@pytest.fixture
def alone(intent_of: Any) -> Intent:
    intent: Intent = intent_of(**ipv6_only())
    return intent


def seen_with(accept_ra: str) -> Seen:
    """A node on which everything but IPv6 is as it should be."""
    live = "".join(f"{name.replace('.', '/')}=1\n" for name in sysctls.SYSCTLS)
    live += f"net/ipv6/conf/all/forwarding=0\nnet/ipv6/conf/eth0/accept_ra={accept_ra}\n"
    modules = "\n".join(("overlay", "br_netfilter", "nf_conntrack", *kernel.IPVS_MODULES))
    answers = {"sysctls": live, "sysctl files": "", "modules": modules, "conntrack": "nf_conntrack"}
    return Seen({name: Answer(0, text) for name, text in answers.items()}, dict.fromkeys(kernel.PATHS))


@pytest.mark.parametrize(("stands", "told"), [("1", True), ("2", True), ("0", False), ("", False)])
def test_a_node_that_takes_router_advertisements_goes_on_taking_them(both: Intent, stands: str, *, told: bool) -> None:
    seen = seen_with(stands)
    changes = {change.what: change for change in kernel.plan(both, both.node(NODE), seen) if change}
    lines = (changes[sysctls.SYSCTL_FILE].after or "").splitlines()
    assert f"{forwarding.FORWARD} = 1" in lines
    assert (f"{ACCEPT_RA} = 2" in lines) is told
    assert f"sysctl {forwarding.FORWARD}" in changes
    assert (f"sysctl {ACCEPT_RA}" in changes) is (stands == "1")


def test_a_file_that_ends_ipv6s_forwarding_after_ours_is_outdone(both: Intent) -> None:
    seen = seen_with("0")
    foreign = "/etc/sysctl.d/99-zz.conf"
    said = f"file {foreign}\n{foreign}:net.ipv6.conf.all.forwarding = 0\n"
    seen = Seen({**seen.answers, "sysctl files": Answer(0, said)}, seen.files)
    changes = {change.what: change for change in kernel.plan(both, both.node(NODE), seen) if change}
    assert f"{forwarding.FORWARD} = 1" in (changes[sysctls.LAST_FILE].after or "")


def test_a_node_of_ipv4_alone_is_asked_for_nothing_of_ipv6(intent_of: Any) -> None:
    intent = intent_of()
    assert forwarding.names(intent) == ()
    assert forwarding.wanted(intent, intent.node(NODE), seen_with("1")) == {}


def test_this_machine_answers_what_is_asked_of_an_interface_with_a_dot(both: Intent) -> None:
    question = sysctls.live_question(["net.ipv6.conf.eth0/100.accept_ra", "net.ipv4.ip_forward"])
    done = subprocess.run(["/bin/sh", "-c", question], text=True, capture_output=True, check=True)
    found = sysctls.live(Seen({"sysctls": Answer(0, done.stdout)}, {}))
    assert found.keys() == {"net.ipv6.conf.eth0/100.accept_ra", "net.ipv4.ip_forward"}
    assert found["net.ipv4.ip_forward"] == Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="utf-8").strip()


def test_a_kubelet_has_an_address_in_each_family(both: Intent, alone: Intent) -> None:
    system = read(DEBIAN)
    said = {}
    for name, intent in {"both": both, "alone": alone}.items():
        seen = Seen({"restarts": Answer(0, "")}, {system.places.kubelet_file: None})
        change = next(plan_kubelet(intent.node(NODE), system, seen, ("inactive", "enabled")))
        assert change is not None
        said[name] = change.after
    assert said["both"] == "KUBELET_EXTRA_ARGS=--node-ip=10.31.90.4,fd00:10:31::90:4\n"
    assert said["alone"] == "KUBELET_EXTRA_ARGS=--node-ip=fd00:10:31::90:4\n"


def test_names_are_found_in_each_family(both: Intent) -> None:
    stands = FileSeen("644", "root:root", "127.0.0.1 localhost\n")
    seen = Seen({"cloud init": Answer(0, "")}, {hosts.HOSTS: stands, hosts.TEMPLATE: None})
    change = next(hosts.plan(hosts.lines(both), seen))
    assert change is not None
    lines = (change.after or "").splitlines()
    for address in ("10.31.90.0", "fd00:10:31::90:0"):
        assert f"{address} k8s-calico-apiserver k8s-calico-apiserver.tinychen.io" in lines
    for address in ("10.31.90.4", "fd00:10:31::90:4"):
        assert f"{address} {NODE} {NODE}.tinychen.io" in lines


def test_no_proxy_stands_between_the_clusters_own(both: Intent) -> None:
    said = proxy.exceptions(both)
    assert {"::1", "fd00:10:31::90:0", "fd00:10:31::/64", "fd00:10:33::/56"} <= set(said)
    assert proxy.is_direct("fd00:10:31::90:4", said)
    assert not proxy.is_direct("2001:db8::1", said)


def test_the_apiservers_certificate_has_the_endpoints_addresses(both: Intent) -> None:
    own = names(both, both.control_planes[0])
    assert {"10.31.90.0", "fd00:10:31::90:0", "10.31.90.1", "10.33.128.1"} <= set(own)
    assert "fd00:10:33:8000::1" not in own  # kubeadm takes that of the first family alone


def test_a_firewall_that_its_owner_keeps_is_told_of_both_families(both: Intent) -> None:
    (bgp,) = [one for one in openings(both, both.node(NODE)) if one.port == str(both.cluster.bgp.listen_port)]
    assert {str(source) for source in bgp.sources} == {
        "10.31.254.253/32",
        "fd00:10:31::254:253/128",
        "10.31.100.100/32",
        "fd00:10:31::100:100/128",
    }
    assert "fd00:10:33::/56" in needs(both, both.node(NODE))
    assert "/128" not in needs(both, both.node(NODE))
