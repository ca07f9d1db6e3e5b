"""Masquerading for pools with natOutgoing, in one chain of our own."""

from collections.abc import Iterable

from calico_node.family import in_order
from calico_node.resources import Pool

CHAIN = "cali-nat-outgoing"  # Felix's name
JUMP = f"-A POSTROUTING -j {CHAIN}"


def rules(pools: Iterable[Pool]) -> list[str]:
    """Write the chain: what stays inside any pool keeps its address, what leaves a natOutgoing pool loses it."""
    known = sorted(pools, key=lambda pool: in_order(pool.cidr))
    masqueraded = [pool for pool in known if pool.nat_outgoing]
    if not masqueraded:
        return []
    return [
        *(f"-A {CHAIN} -d {pool.cidr} -j RETURN" for pool in known),
        *(f"-A {CHAIN} -s {pool.cidr} -j MASQUERADE" for pool in masqueraded),
    ]


def restore(saved: str, wanted: list[str]) -> str | None:
    """Write the input of `iptables-restore --noflush` that brings the chain about, or nothing where it stands.

    Given the output of `iptables-save -t nat`, or of ip6tables'. Only our chain and the jumps to it are named; everything else in the
    table (kube-proxy's above all) stays, and all of it changes at once.
    """
    lines = saved.splitlines()
    jumps = [line for line in lines if line.startswith("-A ") and line.endswith(f" -j {CHAIN}")]
    standing = [line for line in lines if line.startswith(f"-A {CHAIN} ")]
    exists = any(line.startswith(f":{CHAIN} ") for line in lines)
    if standing == wanted and jumps == ([JUMP] if wanted else []) and exists == bool(wanted):
        return None
    commands = [line.replace("-A", "-D", 1) for line in jumps]
    if wanted:
        commands += [*wanted, JUMP]
    elif exists:
        commands.append(f"-X {CHAIN}")
    return "\n".join(["*nat", f":{CHAIN} - [0:0]", *commands, "COMMIT"]) + "\n"
