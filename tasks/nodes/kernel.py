"""What of the kernel a node needs: modules and sysctls, now and after the next boot. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, file

MODULES_FILE, SYSCTL_FILE = "/etc/modules-load.d/90-kubepeer.conf", "/etc/sysctl.d/90-kubepeer.conf"
PATHS = (MODULES_FILE, SYSCTL_FILE)
BASE_MODULES = ("overlay", "br_netfilter", "nf_conntrack")
IPVS_MODULES = ("ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh")
# kubeadm checks ip_forward only; without the bridge's two, kube-proxy's rules never see a pod's traffic to its own node
SYSCTLS = {
    "net.bridge.bridge-nf-call-ip6tables": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.ipv4.ip_forward": "1",
}


def questions(intent: Intent) -> dict[str, str]:
    """What is loaded and set."""
    modules = " ".join(modules_for(intent))
    return {
        "modules": f"for m in {modules}; do {_loaded('$m')} && echo $m; done; true",
        "sysctls": "\n".join(f"echo {name}=$(sysctl -n {name} 2>/dev/null)" for name in SYSCTLS),
    }


def _loaded(module: str) -> str:
    """A module is there when it is loaded or built in."""
    return f'{{ grep -q "^{module} " /proc/modules || grep -q "/{module}\\.ko" /lib/modules/$(uname -r)/modules.builtin 2>/dev/null; }}'


def modules_for(intent: Intent) -> tuple[str, ...]:
    """The kernel modules that this cluster needs."""
    return BASE_MODULES + (IPVS_MODULES if intent.software.proxy_mode == "ipvs" else ())


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """Modules and sysctls: loaded and set now, and listed for the next boot."""
    modules = modules_for(intent)
    yield file(MODULES_FILE, "".join(f"{module}\n" for module in modules), seen.files[MODULES_FILE])
    for module in modules:
        if module not in seen["modules"].lines:
            yield action(f"kernel module {module}", "loaded", f"modprobe -- {module}")
    yield file(SYSCTL_FILE, "".join(f"{name} = {value}\n" for name, value in SYSCTLS.items()), seen.files[SYSCTL_FILE])
    live = dict(line.split("=", 1) for line in seen["sysctls"].lines)
    for name, value in SYSCTLS.items():
        if live.get(name) != value:
            yield action(f"sysctl {name}", value, f"sysctl -qw {name}={value}", before=live.get(name) or None)
