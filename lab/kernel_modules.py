"""What `modprobe` finds inside a machine: the truth about the host's kernel.

A kernel with loadable modules shows its own folder, read-only. A kernel with everything built in has no such folder,
and every modprobe would fail; from its configuration a modules.builtin is written that names what is really in it.
"""

import gzip
import platform
import shutil
from pathlib import Path

from lab.processes import run, succeeds

CONFIGURATION = Path("/proc/config.gz")
# Configuration symbol and the module file it stands for, for all that Kubernetes on such a node may ask for.
MODULES = {
    "BRIDGE": "net/bridge/bridge",
    "BRIDGE_NETFILTER": "net/bridge/br_netfilter",
    "DUMMY": "drivers/net/dummy",
    "IP_NF_FILTER": "net/ipv4/netfilter/iptable_filter",
    "IP_NF_IPTABLES_LEGACY": "net/ipv4/netfilter/ip_tables",
    "IP_NF_MANGLE": "net/ipv4/netfilter/iptable_mangle",
    "IP_NF_NAT": "net/ipv4/netfilter/iptable_nat",
    "IP_SET": "net/netfilter/ipset/ip_set",
    "IP_SET_HASH_IP": "net/netfilter/ipset/ip_set_hash_ip",
    "IP_SET_HASH_NET": "net/netfilter/ipset/ip_set_hash_net",
    "IP_VS": "net/netfilter/ipvs/ip_vs",
    "IP_VS_RR": "net/netfilter/ipvs/ip_vs_rr",
    "IP_VS_SH": "net/netfilter/ipvs/ip_vs_sh",
    "IP_VS_WRR": "net/netfilter/ipvs/ip_vs_wrr",
    "NETFILTER_XT_MARK": "net/netfilter/xt_mark",
    "NETFILTER_XT_MATCH_COMMENT": "net/netfilter/xt_comment",
    "NETFILTER_XT_MATCH_CONNTRACK": "net/netfilter/xt_conntrack",
    "NETFILTER_XT_MATCH_MULTIPORT": "net/netfilter/xt_multiport",
    "NETFILTER_XT_SET": "net/netfilter/xt_set",
    "NETFILTER_XT_TARGET_MASQUERADE": "net/netfilter/xt_MASQUERADE",
    "NET_IPIP": "net/ipv4/ipip",
    "NF_CONNTRACK": "net/netfilter/nf_conntrack",
    "NF_NAT": "net/netfilter/nf_nat",
    "NET_SCH_NETEM": "net/sched/sch_netem",
    "NET_VRF": "drivers/net/vrf",
    "NF_TABLES": "net/netfilter/nf_tables",
    "OVERLAY_FS": "fs/overlayfs/overlay",
    "TUN": "drivers/net/tun",
    "VETH": "drivers/net/veth",
    "VXLAN": "drivers/net/vxlan/vxlan",
}


def builtin_list(configuration: str) -> str:
    """The modules.builtin that a kernel's configuration stands for."""
    built_in = {line[len("CONFIG_") : -len("=y")] for line in configuration.splitlines() if line.endswith("=y")}
    return "".join(f"kernel/{file}.ko\n" for symbol, file in sorted(MODULES.items()) if symbol in built_in)


def folder_for_machines(work: Path) -> Path | None:
    """The folder that machines see as /lib/modules/RELEASE; None when nothing can be said about the kernel."""
    release = platform.release()
    if loadable():
        return Path("/lib/modules") / release
    if not CONFIGURATION.exists():
        return None
    folder = work / "modules" / release
    if not (folder / "modules.builtin.bin").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "modules.order").write_text("")
        (folder / "modules.builtin").write_text(builtin_list(gzip.decompress(CONFIGURATION.read_bytes()).decode()))
        _index(folder)
    return folder


def _index(folder: Path) -> None:
    """Depmod wants the folder below lib/modules of some root."""
    root = folder.parent.parent / "depmod"
    target = root / "lib/modules" / folder.name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(folder, target)
    run(["depmod", "-b", root, folder.name])
    shutil.copytree(target, folder, dirs_exist_ok=True)
    shutil.rmtree(root)


def loadable() -> bool:
    """Whether the host's kernel has modules to load."""
    return (Path("/lib/modules") / platform.release()).is_dir()


def has(module: str) -> bool:
    """Whether the kernel has a module built in or to load; True where nothing can be said about it."""
    if loadable():
        return succeeds(["modprobe", "--dry-run", "--quiet", module])
    if not CONFIGURATION.exists():
        return True
    built_in = builtin_list(gzip.decompress(CONFIGURATION.read_bytes()).decode())
    return any(Path(line).stem == module for line in built_in.splitlines())


def load() -> None:
    """Load what nodes may ask for: machines cannot load modules into the host's kernel themselves.

    What this kernel does not have is left out, and a modprobe of it in a machine fails as it should. The modules stay
    loaded when the lab goes down (docs/lab.md).
    """
    if loadable():
        for file in MODULES.values():
            succeeds(["modprobe", "--quiet", Path(file).name])
