"""How a Linux router spreads flows over equal paths, planned from what it says. Pure."""

from kubepeer.intent import Router
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, Remove, action, file, present

SYSCTL_FILE = "/etc/sysctl.d/90-kubepeer.conf"
KERNELS_OWN = "0"  # by the addresses alone (Documentation/networking/ip-sysctl.rst)
HASH_POLICY = "net.ipv{}.fib_multipath_hash_policy"  # of IPv6 from Linux 4.18 on


def _policies(router: Router) -> list[str]:
    return [HASH_POLICY.format(version) for version in sorted(address.version for address in router.addresses)]


def questions(router: Router) -> dict[str, str]:
    """What the kernel has now, of each family that the router peers in."""
    return {policy: f"sysctl -n {policy}" for policy in _policies(router)}


def departure_questions(router: Router) -> dict[str, str]:
    """What the kernel has, and what the owner's own files say that it should have: the last of them counts at a boot."""
    files = "/usr/lib/sysctl.d/*.conf /run/sysctl.d/*.conf /etc/sysctl.d/*.conf /etc/sysctl.conf"
    found: dict[str, str] = {}
    for policy in _policies(router):
        found[policy] = f"sysctl -n {policy} 2>/dev/null; true"
        pattern = policy.replace(".", "[./]")
        line = f"s/^[[:blank:]]*{pattern}[[:blank:]]*=[[:blank:]]*//p"
        look = f"[ $f = {SYSCTL_FILE} ] || sed -n '{line}' $f 2>/dev/null"
        found[f"{policy} of its owner"] = f"for f in {files}; do {look}; done | tail -n 1"
    return found


def plan_departure(router: Router, seen: Seen) -> tuple[LinuxChange, ...]:
    """Our file goes, and the kernel has what it would have after a boot without it; where the file is gone, all is its owner's."""
    stands = seen.files[SYSCTL_FILE]
    if stands is None:
        return ()
    changes = []
    for policy in _policies(router):
        live, wanted = seen[policy].text.strip(), seen[f"{policy} of its owner"].text.strip() or KERNELS_OWN
        if live and live != wanted:
            changes.append(action(f"sysctl {policy}", wanted, f"sysctl -qw {policy}={wanted}", before=live))
    return (*changes, LinuxChange(SYSCTL_FILE, stands.content, None, steps=(Remove(SYSCTL_FILE),)))


def plan_hash_policy(router: Router, seen: Seen) -> tuple[LinuxChange, ...]:
    """Spread by the flow's ports (layer 4), not by its addresses alone: else one client's flows all enter by one node."""
    policies = _policies(router)
    live = {policy: seen[policy].text.strip() for policy in policies}
    return present(
        file(SYSCTL_FILE, "".join(f"{policy} = 1\n" for policy in policies), seen.files[SYSCTL_FILE]),
        *(
            action(f"sysctl {policy}", "1", f"sysctl -qw {policy}=1", before=live[policy])
            for policy in policies
            if live[policy] != "1"
        ),
    )
