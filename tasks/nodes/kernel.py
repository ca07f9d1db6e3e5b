"""What of the kernel a node needs: modules and sysctls, now and after the next boot. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, file
from tasks.nodes import sysctls
from tasks.nodes.sysctls import SYSCTLS

MODULES_FILE = "/etc/modules-load.d/90-kubepeer.conf"
PATHS = (MODULES_FILE, *sysctls.PATHS)
BASE_MODULES = ("overlay", "br_netfilter", "nf_conntrack")
IPVS_MODULES = ("ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh")


def questions(intent: Intent) -> dict[str, str]:
    """What is loaded and set."""
    modules = " ".join(modules_for(intent))
    return {
        "modules": f"for m in {modules}; do {_loaded('$m')} && echo $m; done; true",
        "sysctls": sysctls.LIVE_QUESTION,
        "sysctl files": sysctls.FILES_QUESTION,
    }


def _loaded(module: str) -> str:
    """A module is there when it is loaded or built in."""
    return f'{{ grep -q "^{module} " /proc/modules || grep -q "/{module}\\.ko" /lib/modules/$(uname -r)/modules.builtin 2>/dev/null; }}'


def modules_for(intent: Intent) -> tuple[str, ...]:
    """The kernel modules that this cluster needs."""
    return BASE_MODULES + (IPVS_MODULES if intent.software.proxy_mode == "ipvs" else ())


def plan(intent: Intent, node: Node, seen: Seen) -> Iterator[LinuxChange | None]:
    """Modules and sysctls: loaded and set now, and listed for the next boot."""
    modules = modules_for(intent)
    yield file(MODULES_FILE, "".join(f"{module}\n" for module in modules), seen.files[MODULES_FILE])
    for module in modules:
        if module not in seen["modules"].lines:
            yield action(f"kernel module {module}", "loaded", f"modprobe -- {module}")
    yield from sysctls.plan_files(node, seen)
    live = sysctls.live(seen)
    for name, value in SYSCTLS.items():
        if live.get(name) != value:
            yield action(f"sysctl {name}", value, f"sysctl -qw {name}={value}", before=live.get(name) or None)
