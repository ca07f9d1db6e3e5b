"""The CNI configuration that containerd reads, and the plugins that it calls."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from cluster_api.objects import Json

from calico_node.blocks import reserved_for_tunnels
from calico_node.family import Network, family_of

FILE_NAME = "10-calico.conflist"
PLUGINS = ("ptp", "host-local", "portmap", "loopback")


def conflist(blocks: Iterable[Network], mtu: int) -> str:
    """Write the configuration: a routed veth pair a pod, with an address of each of the node's blocks, one a family."""
    held = list(blocks)
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
                    "ranges": [[_addresses(block)] for block in held],
                    "routes": [{"dst": family_of(block).everywhere} for block in held],
                },
            },
            {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}},
        ],
    }
    return json.dumps(chain, indent=2) + "\n"


def _addresses(block: Network) -> Json:
    """Leave out the first addresses, which are the tunnel's, and the last but one, the gateway's.

    ptp wants that one inside the block (Calico's own plugin takes 169.254.1.1 and the veth's link-local address), and
    host-local leaves the very last one out by itself.
    """
    gateway = block.broadcast_address - 1
    return {
        "subnet": str(block),
        "rangeStart": str(block.network_address + reserved_for_tunnels(block)),
        "rangeEnd": str(gateway - 1),
        "gateway": str(gateway),
    }


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
    """Bring to the node what its own packages (kubernetes-cni) have not brought there; what stands there stays."""
    installed: list[str] = []
    for plugin in PLUGINS:
        if (target / plugin).exists():
            continue
        draft = target / f".{plugin}.new"
        shutil.copyfile(source / plugin, draft)
        draft.chmod(0o755)
        draft.replace(target / plugin)
        installed.append(plugin)
    return installed
