"""The CNI configuration that containerd reads, and the plugins that it calls."""

import json
import shutil
from ipaddress import IPv4Network
from pathlib import Path

FILE_NAME = "10-calico.conflist"
PLUGINS = ("ptp", "host-local", "portmap", "loopback")
VXLAN_OVERHEAD = 50  # outer Ethernet, IP and UDP headers and VXLAN's own


def conflist(block: IPv4Network, mtu: int) -> str:
    """Write the configuration: a routed veth pair a pod, with an address of the node's block.

    host-local gives neither the tunnel address (below rangeStart) nor the gateway (the first address above it),
    so pods begin at the third address of the block.
    """
    start = block.network_address + 1
    chain = {
        "name": "k8s-pod-network",
        "cniVersion": "0.3.1",
        "plugins": [
            {
                "type": "ptp",
                "mtu": mtu,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": str(block), "rangeStart": str(start), "gateway": str(start)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}},
        ],
    }
    return json.dumps(chain, indent=2) + "\n"


def write_if_different(path: Path, text: str, mode: int = 0o644) -> bool:
    """Replace a file in one step, so that a reader never sees half of it."""
    if path.exists() and path.read_text() == text:
        return False
    draft = path.with_name(f".{path.name}.new")
    draft.touch(mode)
    draft.write_text(text)
    draft.rename(path)
    return True


def install_plugins(source: Path, target: Path) -> list[str]:
    """Bring the plugins to where containerd looks for them, as Calico's install-cni container does."""
    installed: list[str] = []
    for plugin in PLUGINS:
        new, old = source / plugin, target / plugin
        if old.exists() and old.read_bytes() == new.read_bytes():
            continue
        draft = target / f".{plugin}.new"
        shutil.copyfile(new, draft)
        draft.chmod(0o755)
        draft.replace(old)  # a plugin that runs just now keeps its own inode
        installed.append(plugin)
    return installed
