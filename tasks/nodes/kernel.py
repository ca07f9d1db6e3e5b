"""What of the kernel a node needs: modules and sysctls, now and after the next boot. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, file
from tasks.nodes import forwarding, sysctls
from tasks.nodes.sysctls import SYSCTLS

MODULES_FILE = "/etc/modules-load.d/90-kubepeer.conf"
PATHS = (MODULES_FILE, *sysctls.PATHS)
CONNTRACK = "nf_conntrack"
OLD_CONNTRACK = (
    "nf_conntrack_ipv4"  # part of the first from Linux 4.19 on (1.10 of the tutorial), and in Red Hat's 4.18 already
)
BASE_MODULES = ("overlay", "br_netfilter", CONNTRACK)
IPVS_MODULES = ("ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh")

# An older kernel's name goes in the place of the newer where that kernel has it; the shell itself reads the release.
CONNTRACK_NAME = f"""read -r r </proc/sys/kernel/osrelease; c={CONNTRACK}
case $r in [0-3].*|4.[0-9].*|4.1[0-8].*) ! modprobe -n -q -- {OLD_CONNTRACK} 2>/dev/null || c={OLD_CONNTRACK};; esac"""
NAMED = f"""{CONNTRACK_NAME}
for m in {{modules}}; do [ $m != {CONNTRACK} ] || m=$c; {{look}} && echo $m; done"""


def each_module(intent: Intent, look: str) -> str:
    """A question that looks for each module, as $m, under the name that the node's own kernel has for it."""
    return NAMED.format(modules=" ".join(modules_for(intent)), look=look) + "; true"


def questions(intent: Intent) -> dict[str, str]:
    """What is loaded and set."""
    return {
        "modules": each_module(intent, _loaded("$m")),
        "conntrack": f"{CONNTRACK_NAME}; echo $c",
        "sysctls": sysctls.live_question((*SYSCTLS, *forwarding.names(intent))),
        "sysctl files": sysctls.FILES_QUESTION,
    }


def _loaded(module: str) -> str:
    """A module is there when it is loaded or built in."""
    return f'{{ grep -q "^{module} " /proc/modules || grep -q "/{module}\\.ko" /lib/modules/$(uname -r)/modules.builtin 2>/dev/null; }}'


def modules_for(intent: Intent, conntrack: str = CONNTRACK) -> tuple[str, ...]:
    """The kernel modules that this cluster needs, of a kernel that calls connection tracking by this name."""
    every = BASE_MODULES + (IPVS_MODULES if intent.software.proxy_mode == "ipvs" else ())
    return tuple(conntrack if module == CONNTRACK else module for module in every)


def plan(intent: Intent, node: Node, seen: Seen) -> Iterator[LinuxChange | None]:
    """Modules and sysctls: loaded and set now, and listed for the next boot."""
    modules = modules_for(intent, seen["conntrack"].text.strip() or CONNTRACK)
    yield file(MODULES_FILE, "".join(f"{module}\n" for module in modules), seen.files[MODULES_FILE])
    for module in modules:
        if module not in seen["modules"].lines:
            yield action(f"kernel module {module}", "loaded", f"modprobe -- {module}")
    further = forwarding.wanted(intent, node, seen)
    yield from sysctls.plan_files(node, seen, further)
    live = sysctls.live(seen)
    for name, value in {**SYSCTLS, **further}.items():
        if live.get(name) != value:
            yield action(f"sysctl {name}", value, f"sysctl -qw {name}={value}", before=live.get(name) or None)
