"""What may not go, what Calico gives back, what is left on a machine: one small file a case; the scripts, run by a shell."""

import base64
import os
import re
import subprocess
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.control_plane import endpoint
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import Execute, LinuxChange, Remove
from tasks.platforms.seen import RouterSeen, Session
from tasks.removal import blocks, etcd_data, leftovers, neighbours, safety
from tasks.removal.remaining import without
from tests.architecture.test_handovers import STEPS
from tests.unit.drain.test_drain_plans import quorum

MASTER, WORKER = "k8s-calico-master-10-31-90-2", "k8s-calico-worker-10-31-90-4"


@pytest.mark.cases("quorum")
def test_etcd_keeps_its_quorum_when_a_member_goes(case: dict[str, Any]) -> None:
    assert safety.without_quorum(*quorum(case)) == case["says"]


@pytest.mark.cases("refusals")
def test_the_last_of_its_kind_stays(case: dict[str, Any], intent_of: Callable[..., Intent]) -> None:
    intent = intent_of(hosts=case.get("hosts"))
    node = intent.node(f"k8s-calico-{case['node']}")
    numbers = {one.full_name: int(one.name.rpartition("-")[2]) for one in intent.nodes}
    registered = [name for name, number in numbers.items() if number in case["registered"]]
    assert list(safety.reasons(intent, node, registered)) == case["says"]


@pytest.mark.parametrize(
    ("name", "says"), [(MASTER, "2 control planes are left, and etcd survives the loss of 0"), (WORKER, "")]
)
def test_an_even_number_of_control_planes_is_told(intent_of: Callable[..., Intent], name: str, says: str) -> None:
    said = safety.even(without(intent_of(), name))
    assert said.startswith(says)
    assert bool(said) is bool(says)


@pytest.mark.parametrize("name", ["k8s-calico-master-10-31-90-1", MASTER, WORKER])
def test_the_inventory_without_a_node_is_the_one_that_is_read_when_it_is_taken_out(
    intent_of: Callable[..., Intent], name: str
) -> None:
    intent = intent_of()
    left = without(intent, name)
    assert left.nodes == (
        intent_of(hosts={name: None}).nodes
        if name == WORKER
        else tuple(
            node.model_copy(update={"priority": intent.nodes[place].priority})
            for place, node in enumerate(one for one in intent.nodes if one.name != name)
        )
    )
    assert [node.name for node in intent.nodes if node.name == name] == [name], "the one that was read stands"


@pytest.mark.cases("blocks")
def test_what_calico_has_of_a_node_is_given_back(case: dict[str, Any]) -> None:
    items = ([affinity(**one) for one in case["affinities"]], [block(**one) for one in case["blocks"]])
    writes = list(blocks.release(case["node"], *items, [handle(**one) for one in case["handles"]]))
    assert [write.change.what for write in writes] == case["writes"]
    written = {write.name: write for write in writes if write.after is not None}
    assert {name: dict(write.after["spec"]) for name, write in written.items() if write.after} == case["written"]
    for write in writes:  # for the very version that was read
        assert write.after["metadata"]["resourceVersion"] if write.after else write.condition["resourceVersion"]
        assert write.change.diff


def metadata(name: str) -> dict[str, Any]:
    return {"name": name, "uid": f"uid-{name}", "resourceVersion": "7"}


def affinity(name: str, cidr: str, node: str, **further: str) -> dict[str, Any]:
    return {
        "metadata": metadata(name),
        "spec": {"cidr": cidr, "node": node, "state": "confirmed", "deleted": "false", **further},
    }


def block(
    name: str, cidr: str, affinity: str, allocations: list[int | None], attributes: list[dict[str, str]]
) -> dict[str, Any]:
    found = [
        {"handle_id": one["handle_id"]} | ({"secondary": {"node": one["node"]}} if "node" in one else {})
        for one in attributes
    ]
    spec = {
        "cidr": cidr,
        "affinity": f"host:{affinity}",
        "affinityClaimTime": "then",
        "allocations": allocations,
        "attributes": found,
        "unallocated": [ordinal for ordinal, place in enumerate(allocations) if place is None],
        "sequenceNumber": 7,
        "sequenceNumberForAllocation": {"0": 3, "1": 4, "3": 6},
    }
    return {"metadata": metadata(name), "spec": spec}


def handle(handleID: str, block: dict[str, int]) -> dict[str, Any]:  # noqa: N803  Calico's own name
    return {"metadata": metadata(handleID), "spec": {"handleID": handleID, "block": block}}


@pytest.mark.cases("etcd_data")
def test_somebody_elses_etcd_is_told_from_this_clusters_own(case: dict[str, Any]) -> None:
    answers = {"entries": "\n".join(case["entries"]), "wal": case["wal"]}
    seen = etcd_data.read(Seen({name: Answer(0, text) for name, text in answers.items()}, {}))
    assert etcd_data.foreign(seen, case["ours"]) == case["says"]
    assert seen.lost == case.get("lost", "")


def test_the_newest_log_of_etcd_is_read_and_nothing_where_there_is_none(tmp_path: Path) -> None:
    def asked() -> dict[str, str]:
        scripts = {
            name: one.replace("/var/lib/etcd", str(tmp_path / "etcd")) for name, one in etcd_data.QUESTIONS.items()
        }
        return {name: subprocess.check_output(["/bin/sh", "-c", one], text=True) for name, one in scripts.items()}

    assert asked() == {"entries": "", "wal": ""}
    (folder := tmp_path / "etcd/member/wal").mkdir(parents=True)
    for name, text in (("0-0.wal", b"old"), ("1-9.wal", b"\x04\x00"), ("1.tmp", b"later")):
        (folder / name).write_bytes(text)
    found = asked()
    assert (found["entries"], found["wal"].split()) == ("member\n", ["04", "00"])


@pytest.mark.cases("leftovers")
def test_what_is_left_on_a_machine_is_taken(case: dict[str, Any], intent_of: Callable[..., Intent]) -> None:
    intent = intent_of()
    asked = leftovers.questions(intent, "PEM\n")
    seen = Seen({name: Answer(0, case["seen"].get(name, "")) for name in asked}, {})
    changes = list(leftovers.plan(intent, seen))
    assert {change.what: change.before for change in changes} == case["changes"]
    assert all(change.after is None for change in changes)
    assert leftovers.shared_kubeconfigs(seen) == case.get("shared", [])


RULES = """*filter
:INPUT ACCEPT [12:840]
:FORWARD DROP [0:0]
:KUBE-FORWARD - [0:0]
:cali-FORWARD - [0:0]
[1:60] -A INPUT -p tcp -m comment --comment "of the owner's \\"own\\"" -j ACCEPT
[0:0] -A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
[0:0] -A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m mark --mark 0x10000/0x10000 -j ACCEPT
[0:0] -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
"""


class Machine:
    """A shell whose programs are those of the test; of this host's processes it sees none: a script may end what it finds."""

    def __init__(self, folder: Path, **programs: str) -> None:
        self.folder = folder
        for name, text in {"ps": "true", **programs}.items():
            self.program(name.replace("_", "-"), text)

    def program(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        return subprocess.run(
            ["/bin/sh", "-s"],
            input=script,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def test_rules_of_kubernetes_and_calico_go_and_the_owners_stay(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(RULES)
    machine = Machine(tmp_path, iptables_nft_save="cat rules", iptables_nft_restore="cat > restored")
    for name in ("ip6tables-nft", "iptables-legacy", "ip6tables-legacy"):
        machine.program(f"{name}-save", "echo '# none'")
        machine.program(f"{name}-restore", "echo called > unwanted")
    assert machine.run(leftovers.COUNT_RULES).stdout == "iptables-nft: 5 lines\n"
    assert machine.run(leftovers.TAKE_RULES).returncode == 0
    wanted = [line for line in RULES.splitlines() if not any(mark in line for mark in ("KUBE-", "cali"))]
    assert (tmp_path / "restored").read_text().splitlines() == wanted
    assert len(wanted) == 5
    assert not (tmp_path / "unwanted").exists(), "a table without any of ours is not written"


def test_rules_that_cannot_be_restored_are_a_failure(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(RULES)
    machine = Machine(tmp_path, iptables_nft_save="cat rules", iptables_nft_restore="echo 'line 3 failed' >&2; exit 1")
    for name in ("ip6tables-nft", "iptables-legacy", "ip6tables-legacy"):
        machine.program(f"{name}-save", "true")
    ended = machine.run(leftovers.TAKE_RULES)
    assert (ended.returncode, ended.stderr) == (1, "line 3 failed\n")


LINKS = """1: lo: <LOOPBACK,UP> mtu 65536 qdisc noqueue state UNKNOWN
2: eth0@if7: <BROADCAST> mtu 1500 qdisc noqueue state UP
3: kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN
4: cali0123456789a@if2: <BROADCAST> mtu 1450 qdisc noqueue state UP
5: vxlan.calico: <BROADCAST> mtu 1450 qdisc noqueue state UNKNOWN
6: calico-backup: <BROADCAST> mtu 1500 qdisc noop state DOWN
7: kube-lb0: <BROADCAST,NOARP> mtu 1500 qdisc noqueue state UNKNOWN
"""


def test_devices_are_known_by_their_whole_names(tmp_path: Path) -> None:
    (tmp_path / "links").write_text(LINKS)
    machine = Machine(
        tmp_path,
        ip='case "$*" in *show) cat links;; *) echo "ip $*" >> told;; esac',
        ipvsadm='echo "ipvsadm $*" >> told',
    )
    found = machine.run(leftovers.LIST_DEVICES).stdout.split()
    assert found == ["kube-ipvs0", "cali0123456789a", "vxlan.calico", "kube-lb0"]
    assert machine.run(leftovers.TAKE_DEVICES.format(devices=" ".join(found))).returncode == 0
    assert (tmp_path / "told").read_text().splitlines() == [
        "ipvsadm --clear",
        *(f"ip link delete {name}" for name in found),
    ]


def test_every_copy_of_etcd_and_the_kubelets_certificate_are_found(tmp_path: Path) -> None:
    ours = (
        "etc/kubernetes/tmp/kubeadm-backup-etcd-2026/etcd/member",
        "etc/kubernetes/tmp/kubeadm-backup-manifests-2026/etcd.yaml",
        "etc/kubernetes/tmp/kubeadm-upgraded-manifests7/etcd.yaml",
        "etc/kubernetes/tmp/kubeadm-kubelet-config-2026/config.yaml",
        *(
            "var/lib/etcd/before-restore-a/snap",
            "var/lib/etcd/kubepeer-backup-1.db",
            "var/lib/etcd/kubepeer-snapshot.part",
        ),
        *("var/lib/etcd/restoring/member", "var/lib/kubepeer/etcd/before-1.36.2.db", "var/lib/kubepeer-restore/token"),
        *("var/lib/kubelet/pki/kubelet.key", "var/lib/kubelet/config.yaml"),
    )
    for name in (*ours, "var/lib/etcd/owners.db", "etc/kubernetes/tmp/owners", "var/lib/kubepeer/owners"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    script = re.sub(r" /(?=etc|var|opt)", f" {tmp_path}/", leftovers.LIST_SECRETS)
    found = Machine(tmp_path).run(script).stdout.split()
    assert len(found) == len(ours)
    assert all(any(f"{tmp_path}/{name}".startswith(one) for one in found) for name in ours)
    assert not [name for name in found if "owners" in name]
    assert leftovers.LIST_SECRETS.removesuffix(" 2>/dev/null; true").split()[2:] == [
        path for path in leftovers.FILES if path in (*leftovers.COPIES, *leftovers.KUBELET_OWN)
    ], "what is looked for last is what is taken"


def test_sets_go_after_those_that_name_them(tmp_path: Path) -> None:
    for name in ("KUBE-NODE-PORT", "cali40all", "owners"):
        (tmp_path / "sets").mkdir(exist_ok=True)
        (tmp_path / "sets" / name).touch()
    destroy = '[ "$2" != KUBE-NODE-PORT ] || [ ! -e sets/cali40all ] || exit 1; rm "sets/$2"'
    machine = Machine(tmp_path, ipset=f'case "$*" in "list -n") ls sets;; *) {destroy};; esac')
    assert machine.run(leftovers.LIST_SETS).stdout.split() == ["KUBE-NODE-PORT", "cali40all"]
    assert machine.run(leftovers.TAKE_SETS).returncode == 0
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["owners"]


def test_tables_of_nftables_that_are_somebody_elses_stay(tmp_path: Path) -> None:
    listed = "table inet filter\\ntable ip kube-proxy\\ntable ip6 calico\\ntable ip calico-of-mine"
    machine = Machine(tmp_path, nft=f'case "$*" in "list tables") printf "{listed}\\n";; *) echo "$*" >> told;; esac')
    assert machine.run(leftovers.LIST_TABLES).stdout == "table ip kube-proxy\ntable ip6 calico\n"
    assert machine.run(leftovers.TAKE_TABLES).returncode == 0
    assert (tmp_path / "told").read_text() == "delete table ip kube-proxy\ndelete table ip6 calico\n"


def test_a_kubeconfig_is_known_by_the_clusters_ca(tmp_path: Path, intent_of: Callable[..., Intent]) -> None:
    ca = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"
    ours = f"    certificate-authority-data: {base64.b64encode(ca.encode()).decode()}\n    server: https://10.31.90.0:8443\n"
    theirs = "    certificate-authority-data: QQ==\n    server: https://10.9.9.9:6443\n"
    for home, text in {"root": ours, "ops": ours + theirs, "dev": theirs}.items():
        (tmp_path / home / ".kube").mkdir(parents=True)
        (tmp_path / home / ".kube" / "config").write_text(text)
    intent = intent_of(defaults_file={"data": {"software": {"kubeconfig_users": ["ops", "dev", "nobody-there"]}}})
    machine = Machine(tmp_path, getent=f'[ -d {tmp_path}/$2 ] && echo "$2:x:0:0::{tmp_path}/$2:/bin/sh"')
    asked = leftovers.questions(intent, ca)["kubeconfigs"]
    assert machine.run(asked).stdout.splitlines() == [
        f"own {tmp_path}/root/.kube/config",
        f"shared {tmp_path}/ops/.kube/config",
    ]


@pytest.mark.parametrize(
    ("state", "dynamic", "says"),
    [
        ("Established", False, "still has the neighbour 10.31.90.4 (Established)"),
        ("Active", False, "still has the neighbour 10.31.90.4 (Active)"),
        ("Established", True, "still has the neighbour 10.31.90.4 (Established)"),
        ("Idle", True, ""),
        (None, False, ""),
    ],
)
def test_a_neighbour_that_is_left_is_told(state: str | None, *, dynamic: bool, says: str) -> None:
    address = ip_address("10.31.90.4")
    seen = RouterSeen(sessions={address: Session(address, state)} if state else {})
    assert neighbours.left(seen, [address], dynamic=dynamic) == says


def test_a_control_plane_gives_up_the_address_before_what_listens_there() -> None:
    ours = FileSeen("644", "root:root", f"# {endpoint.WRITTEN}\n")
    files: dict[str, FileSeen | None] = dict.fromkeys(endpoint.PATHS, ours)
    changes = endpoint.plan_departure(Seen({}, files))
    assert [change.what for change in changes][:3] == [
        *sorted(endpoint.HOLDERS, key=endpoint.PATHS.index),
        endpoint.HAPROXY_POD,
    ]
    assert {change.what for change in changes} == set(endpoint.PATHS)
    assert all(change.steps == (Remove(change.what),) for change in changes)
    owners = FileSeen("644", "root:root", "# of the machine's owner\n")
    assert endpoint.plan_departure(Seen({}, files | {endpoint.KEEPALIVED_FILE: owners, endpoint.HAPROXY_FILE: None}))[
        -1
    ].what != (endpoint.KEEPALIVED_FILE)


def script_of(change: LinuxChange) -> str:
    (step,) = change.steps
    assert isinstance(step, Execute)
    return step.script


def test_files_go_whole_and_what_is_mounted_below_them_is_unmounted_first(
    tmp_path: Path, intent_of: Callable[..., Intent]
) -> None:
    (tmp_path / "calico" / "bgp").mkdir(parents=True)
    machine = Machine(tmp_path, awk="printf '/run/calico/cgroup\\n/run/calico/bpf\\n'", umount='echo "$*" >> told')
    seen = dict.fromkeys(leftovers.questions(intent_of(), ""), Answer(0, ""))
    (change,) = leftovers.plan(intent_of(), Seen(seen | {"files": Answer(0, f"{tmp_path}/calico\n")}, {}))
    assert machine.run(script_of(change)).returncode == 0
    assert not (tmp_path / "calico").exists()
    assert (tmp_path / "told").read_text() == "-- /run/calico/cgroup\n-- /run/calico/bpf\n"


def test_the_order_of_the_runbook_is_the_one_that_loses_nothing() -> None:
    titles = [title for step in STEPS["remove_node"] for title in (phase.title for phase in step)]
    order = [
        "Preflight", "Next hops", "Exclude", "Next hops without it", "Evict pods", "Router neighbour", "API endpoint", "Leave the endpoint",
        "Endpoint elsewhere", "etcd member", "Reset", "Clean", "Node", "Pod blocks", "No neighbour", "Verify endpoint", "Verify both ends",
    ]  # fmt: skip
    assert [title for title in titles if title in order] == order
    phases = [phase for step in STEPS["remove_node"] for phase in step]
    assert all(phase.needs for phase in phases[1:]), "what has failed ends it"
