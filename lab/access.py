"""Reaching the machines: the lab's key, the host keys it knows, ssh out of the controller's namespace."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.build.programs import KUBERNETES
from lab.build.repository import of_minor
from lab.disks import host_keys
from lab.places import CHECKOUT, Cache, Instance
from lab.processes import run
from lab.topology import MACHINES, Machine, Role

BIRD = "systemctl is-active --quiet bird && birdc show ospf"
DAEMONS = "vtysh -d bgpd -c 'show bgp summary' && vtysh -d ospfd -c 'show ip ospf'"
ROUTES = f"systemctl is-active --quiet frr && {DAEMONS}"
# What a machine says when it is ready: a login is enough for a node, the others have something to serve.
READY = {
    Role.NODE: "true",
    Role.OLDER_NODE: "true",
    Role.RPM_NODE: "true",
    Role.ROUTER: ROUTES,
    Role.BUSYBOX_ROUTER: f"{DAEMONS} && [ -e /run/frr/read ]",
    Role.BUSYBOX_BIRD_ROUTER: "birdc show ospf",
    Role.BIRD_ROUTER: BIRD,
    Role.MIRROR: f"curl -sfo /dev/null http://127.0.0.1/{of_minor(KUBERNETES.version, 'deb')}/Release && curl -sfo /dev/null http://127.0.0.1:5000/v2/",
    Role.CLIENT: "birdc show status",
    Role.NEXT_ROUTER: ROUTES,
    Role.NEXT_BIRD_ROUTER: BIRD,
    Role.NEWEST_ROUTER: ROUTES,
    Role.NETBOX: "curl -sfo /dev/null --cacert /etc/netbox/certificate.pem https://10.31.0.4/login/",
}
KNOWN_TO_CHECKOUT = CHECKOUT / "var" / "known_hosts"
KEY_IN_CHECKOUT = CHECKOUT / "var" / "lab" / "id_ed25519"


def make_key(cache: Cache) -> None:
    """Make the lab's key, once."""
    if not cache.key.exists():
        cache.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kubepeer lab", "-f", cache.key])


def hand_key_out(cache: Cache) -> None:
    """Put the key where the checkout's configuration looks for it."""
    KEY_IN_CHECKOUT.parent.mkdir(parents=True, exist_ok=True)
    for source, target in (
        (cache.key, KEY_IN_CHECKOUT),
        (cache.key.with_suffix(".pub"), KEY_IN_CHECKOUT.with_suffix(".pub")),
    ):
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy(source, target)
    KEY_IN_CHECKOUT.chmod(0o600)


def write_known_hosts(instance: Instance) -> None:
    """The lab made the machines' host keys itself, so it need not trust the first answer."""
    lines: list[str] = []
    for machine in MACHINES:
        for key in sorted(host_keys(instance, machine).glob("*.pub")):
            lines += [f"{machine.name},{machine.address} {' '.join(key.read_text().split()[:2])}"]
    known_hosts(instance).write_text("\n".join(lines) + "\n")


def forget_old_keys(machine: Machine) -> None:
    """A machine has new host keys: what the checkout's runbooks have learned of it before is no longer true."""
    if KNOWN_TO_CHECKOUT.exists():
        for interface in machine.interfaces:
            run(["ssh-keygen", "-q", "-R", interface.host, "-f", KNOWN_TO_CHECKOUT])
        KNOWN_TO_CHECKOUT.with_name(f"{KNOWN_TO_CHECKOUT.name}.old").unlink(missing_ok=True)


def known_hosts(instance: Instance) -> Path:
    """The instance's own known_hosts."""
    return instance.path / "known_hosts"


def ssh_command(instance: Instance, machine: Machine, words: Sequence[str] = (), user: str = "root") -> list[str]:
    """The command line that opens a machine (or runs something there)."""
    options = {
        "IdentityFile": instance.cache.key,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": known_hosts(instance),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": 3,
        "LogLevel": "ERROR",
    }
    settings = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    inside = ["ip", "netns", "exec", instance.name]
    return [*inside, "ssh", "-F", "/dev/null", *settings, f"{user}@{machine.address}", *words]


def answers(instance: Instance, machine: Machine) -> subprocess.Popen[bytes]:
    """Start a login that asks whether the machine does what it is there for; its exit code is the answer."""
    return subprocess.Popen(
        ssh_command(instance, machine, [READY[machine.role]]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
