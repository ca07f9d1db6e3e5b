"""The lab keeps its promises: bare machines, nothing shared with the host, nothing left behind."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lab import places
from lab.build.checksums import contents, listing
from lab.build.registry import Registry
from lab.build.steps import Stamps, Step
from lab.command import main
from lab.debian import Source, host_sources
from lab.disks import interfaces
from lab.kernel_modules import builtin_list
from lab.launch import SWAP_CALLS
from lab.places import Instance
from lab.sysctls import NEEDED, HostSettings
from lab.topology import CLIENT, MACHINES, OPENWRT
from tests.lab.laboratory import Laboratory, wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
INSTANCE = "kp-selftest"
NODE = "k8s-calico-worker-10-31-90-4"
SECONDS = 120


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab", *words],
        cwd=CHECKOUT, env={**os.environ, "KUBEPEER_LAB": INSTANCE}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def inside(name: str, command: str) -> str:
    done = lab("ssh", name, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commands() -> Iterator[bytes]:
    """The command lines of all processes of the host."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            yield path.read_bytes()


def way_of(router: str) -> list[tuple[str, str]]:
    """By which gateway the router reaches the foreign network, and who says so."""
    found = subprocess.check_output(["ip", "-n", f"{INSTANCE}-{router}", "-j", "route", "show", "198.51.100.0/24"])
    routes = json.loads(found)
    return [(one["gateway"], one["protocol"]) for one in routes]


def traces() -> dict[str, list[str]]:
    """What of the instance can be seen on the host; what ends while it is looked at is left out."""
    groups = [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if Path(folder).name == INSTANCE]
    namespaces = Path("/run/netns").glob(f"{INSTANCE}*")
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if INSTANCE in line]
    return {
        "groups": groups,
        "namespaces": [str(namespace) for namespace in namespaces],
        "mounts": mounts,
        "processes": [str(one) for one in commands() if f"machine={INSTANCE}-".encode() in one],
    }


@pytest.fixture(scope="module")
def small_lab() -> Iterator[None]:
    """Both routers, a client behind the first and one node, in an instance of their own, without a disk of an earlier and older lab."""
    if lab("down").returncode == 0:
        Laboratory(Instance(INSTANCE, places.cache())).from_nothing()
    up = lab("up", "openwrt", "tiny-unraid", "client", NODE)
    if up.returncode == 2:
        pytest.skip(up.stderr.strip())
    assert up.returncode == 0, up.stderr
    yield
    lab("down")


@pytest.mark.lab
@pytest.mark.usefixtures("small_lab")
class TestMachines:
    def test_a_node_is_bare(self) -> None:
        programs = "containerd kubelet kubeadm chronyd conntrack ipset ipvsadm bird vtysh"
        assert inside(NODE, f"command -v {programs}; true") == ""
        assert inside(NODE, "cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null; true") == ""
        assert inside(NODE, "systemctl is-system-running --wait") == "running"
        assert inside(NODE, "hostname") == f"{NODE}.tinychen.io"
        assert inside(NODE, "sysctl -n net.ipv4.ip_forward net.ipv4.fib_multipath_hash_policy") == "0\n0"

    def test_the_swap_of_the_host_is_neither_seen_nor_reached(self) -> None:
        assert "swap" in inside(NODE, "cat /etc/fstab")
        assert len(inside(NODE, "cat /proc/swaps").splitlines()) == 1
        before = Path("/proc/swaps").read_text()
        assert inside(NODE, "swapoff --all && echo done") == "done"
        for number in SWAP_CALLS[platform.machine()]:
            # Without the shield the kernel would say that there is no such file.
            call = f"perl -e '$file = \"/no/such/file\"; syscall({number}, $file, 0) == 0 or print $!'"
            assert inside(NODE, call) == "Invalid argument"
        assert Path("/proc/swaps").read_text() == before

    def test_an_engineer_may_log_in_and_do_nothing_more(self) -> None:
        key = CHECKOUT / "var" / "lab" / "id_ed25519"
        command = ["ip", "netns", "exec", INSTANCE, "ssh", "-F", "/dev/null", "-i", str(key), "-o", "BatchMode=yes",
                   "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]  # fmt: skip
        address = f"engineer@{next(one.address for one in MACHINES if one.name == NODE)}"
        assert subprocess.run([*command, address, "true"], check=False).returncode == 0
        refused = subprocess.run([*command, address, "sudo -n id"], check=False, capture_output=True, text=True)
        assert refused.returncode != 0
        assert "password is required" in refused.stderr

    def test_no_card_of_the_lab_is_in_the_namespace_of_the_host(self) -> None:
        switch = json.loads(subprocess.check_output(["ip", "-n", INSTANCE, "-d", "-j", "link"]))
        assert {one.get("linkinfo", {}).get("info_kind", "loopback") for one in switch} <= {
            "loopback",
            "bridge",
            "veth",
        }
        here = json.loads(subprocess.check_output(["ip", "-d", "-j", "link"]))
        assert not {one["ifname"] for one in switch} & {one["ifname"] for one in here} - {"lo"}

    def test_the_foreign_session_of_the_router_comes_up(self) -> None:
        wait_for(
            "the client's session", lambda: "Established" in inside("client", "birdc show protocols openwrt"), SECONDS
        )
        wait_for("its route", lambda: way_of("openwrt") == [("10.32.0.10", "bgp")], SECONDS)

    def test_the_foreign_session_of_the_bird_router_comes_up(self) -> None:
        ask = "birdc show protocols backup_transit"
        wait_for("the session", lambda: "Established" in inside("tiny-unraid", ask), SECONDS)
        wait_for("its route", lambda: way_of("tiny-unraid") == [("10.31.254.253", "bird")], SECONDS)

    def test_the_router_has_no_comforts(self) -> None:
        """Busybox, dropbear and FRR: what a small device has."""
        absent = "bash python3 perl sudo systemctl systemd-run base64 stat od setsid nohup dpkg ss lsof"
        assert inside("openwrt", f"for one in {absent}; do command -v $one; done; true") == ""
        assert inside("openwrt", "find / -xdev '(' -name frr-reload.py -o -name sftp-server ')'") == ""
        programs = "for one in init ip sh; do readlink -f $(command -v $one); done; readlink /proc/1/exe"
        assert set(inside("openwrt", programs).split()) == {"/usr/bin/busybox"}
        assert "FRRouting 8.4" in inside("openwrt", "vtysh -c 'show version'")

    def test_a_daemon_of_the_router_that_dies_comes_again(self) -> None:
        process = inside("openwrt", "cat /run/frr/staticd.pid")
        inside("openwrt", f"kill -9 {process}")
        wait_for("another process", lambda: inside("openwrt", "pidof staticd") not in ("", process), SECONDS)
        wait_for("its route", lambda: "10.32.0.10" in inside("openwrt", "ip route show 203.0.113.0/24"), SECONDS)

    def test_up_twice_is_up_once(self) -> None:
        started = "systemctl show --property=UserspaceTimestampMonotonic"
        first = inside(NODE, started)
        assert lab("up", NODE, "openwrt").returncode == 0
        assert inside(NODE, started) == first

    def test_after_a_power_cut_the_disk_is_as_it_was(self) -> None:
        inside(NODE, "echo kept > /root/file; sync")
        assert lab("cut", NODE).returncode == 0
        assert lab("exec", NODE, "--", "true").returncode == 1
        assert lab("up", NODE).returncode == 0
        assert inside(NODE, "cat /root/file") == "kept"

    def test_down_leaves_nothing(self) -> None:
        assert any(traces().values())
        done = lab("down")
        assert done.returncode == 0, done.stderr
        # the kernel buries namespaces and control groups a moment after their last process
        ends = time.monotonic() + SECONDS
        while any((found := traces()).values()) and time.monotonic() < ends:
            time.sleep(0.5)  # nobody tells when the kernel is done
        assert found == {"groups": [], "namespaces": [], "mounts": [], "processes": []}


def test_without_root_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["up"]) == 2
    assert capsys.readouterr().err == "the lab makes namespaces, mounts and control groups: run it as root\n"


def test_where_no_namespace_can_be_made_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("lab.requirements.missing", list)
    monkeypatch.setattr("lab.requirements.NAMESPACES", ("--no-such-namespace",))
    assert main(["up"]) == 2
    assert capsys.readouterr().err.startswith("no namespaces can be made here")


def test_an_unknown_machine_is_named_together_with_those_that_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("lab.requirements.missing", list)
    assert main(["ssh", "nobody"]) == 2
    assert capsys.readouterr().err.startswith("no machine nobody: there are mirror, openwrt, ")


def test_addresses_and_ports_are_unique() -> None:
    cards = [card for machine in MACHINES for card in machine.interfaces]
    ports = [machine.port_of(card) for machine in MACHINES for card in machine.interfaces]
    assert len({card.host for card in cards}) == len({card.hardware_address for card in cards}) == len(cards)
    assert len(set(ports)) == len(ports)
    assert max(map(len, ports)) <= 15


def test_a_router_has_an_address_on_both_switches_and_the_client_goes_through_it() -> None:
    assert "address 10.31.254.253/16" in interfaces(OPENWRT)
    assert "address 10.32.0.1/24" in interfaces(OPENWRT)
    assert "gateway" not in interfaces(OPENWRT)
    assert "gateway 10.32.0.1" in interfaces(CLIENT)


def test_built_in_modules_are_only_those_of_the_kernel() -> None:
    listed = builtin_list("CONFIG_BRIDGE_NETFILTER=y\nCONFIG_OVERLAY_FS=m\n# CONFIG_IP_VS is not set\n")
    assert listed == "kernel/net/bridge/br_netfilter.ko\n"


def test_mirrors_come_from_both_styles_of_apt_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEPEER_DEBIAN_MIRROR", raising=False)
    monkeypatch.setattr("lab.debian.host_release", lambda: ("debian", "trixie"))
    (tmp_path / "sources.list").write_text("# deb http://a.test/debian trixie main\n"
                                           "deb [arch=amd64] http://b.test/debian/ trixie main contrib\n")  # fmt: skip
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(
        "Types: deb deb-src\nURIs: http://c.test/security\nSuites: trixie-security\nComponents: main\n\n"
        "Types: deb\nURIs: http://d.test/other\nSuites: stable\nComponents: main\n"
    )
    assert host_sources(tmp_path) == (
        Source("http://b.test/debian", "bookworm"),
        Source("http://c.test/security", "bookworm-security"),
    )


def test_settings_of_the_host_are_put_back(tmp_path: Path) -> None:
    root = tmp_path / "sys"
    for name, value in {**dict.fromkeys(NEEDED, "128"), "vm/overcommit_memory": "0", "kernel/ns_last_pid": "5"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{value}\n")
    (tmp_path / "boot").write_text("this one")
    settings = HostSettings(root, tmp_path / "record.json", tmp_path / "boot")
    settings.note_and_raise()
    assert (root / "fs/inotify/max_user_instances").read_text() == "8192\n"
    (root / "vm/overcommit_memory").write_text("1\n")
    (root / "kernel/ns_last_pid").write_text("99\n")
    settings.note_and_raise()
    assert settings.put_back() == []
    assert (root / "vm/overcommit_memory").read_text() == "0\n"
    assert (root / "fs/inotify/max_user_instances").read_text() == "128\n"
    assert (root / "kernel/ns_last_pid").read_text() == "99\n"
    assert not (tmp_path / "record.json").exists()


def test_a_note_from_before_a_reboot_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "vm").mkdir()
    (tmp_path / "vm/overcommit_memory").write_text("2\n")
    (tmp_path / "boot").write_text("second")
    (tmp_path / "record.json").write_text(json.dumps({"boot": "first", "values": {"vm/overcommit_memory": "0"}}))
    assert HostSettings(tmp_path, tmp_path / "record.json", tmp_path / "boot").put_back() == []
    assert (tmp_path / "vm/overcommit_memory").read_text() == "2\n"


def test_a_step_runs_again_when_inputs_or_outputs_no_longer_fit(tmp_path: Path) -> None:
    given, made = tmp_path / "given", tmp_path / "made"
    given.write_text("one")

    def copy(_: Path) -> None:
        made.mkdir(exist_ok=True)
        (made / "file").write_text(given.read_text())

    step = Step("copy", "Copy", (given,), (made,), copy)
    stamps = Stamps(tmp_path / "stamps")
    assert not stamps.is_current(step)
    stamps.perform(step, tmp_path / "log")
    assert stamps.is_current(step, thoroughly=True)
    given.write_text("two")
    assert not stamps.is_current(step)
    stamps.perform(step, tmp_path / "log")
    status = (made / "file").stat()
    (made / "file").write_text("rot")
    os.utime(made / "file", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamps.is_current(step)
    assert not stamps.is_current(step, thoroughly=True)
    (made / "file").unlink()
    assert not stamps.is_current(step)
    assert contents(made) != listing(made)


def test_a_damaged_blob_is_found_and_an_unused_one_swept(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    layer = registry.add_bytes(b"a layer")
    unused = registry.add_bytes(b"nobody's")
    registry.tag("library/thing", "v1", b"{}", [layer])
    assert registry.damaged() == []
    registry.sweep()
    assert registry.blob_file(layer.digest).exists()
    assert not registry.blob_file(unused.digest).exists()
    registry.blob_file(layer.digest).write_bytes(b"a lAyer")
    assert registry.damaged() == ["library/thing:v1"]
