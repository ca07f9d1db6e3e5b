"""Reasons not to begin on a node, all at once, each with its cure. Pure."""

from ipaddress import ip_address

from kubepeer.intent import Intent, Node
from kubepeer.intent.families import by_number
from tasks.nodes import cni, firewall, selinux, systems
from tasks.nodes.comparison import Compared, listed
from tasks.nodes.facts import HOST_KEY, MACHINE_ID, PRODUCT_UUID, NodeFacts
from tasks.nodes.kernel import CONNTRACK, OLD_CONNTRACK, modules_for
from tasks.nodes.repository import minor_of
from tasks.nodes.software import software

MINIMUM_CPUS, MINIMUM_MEMORY_MB = 2, 1700  # kubeadm's own preflight, for a control plane
MINIMUM_FREE_MB = 2048  # packages and images; measured in the lab: 0.9 GB
MINIMUM_FREE_LATER_MB = 100
MAXIMUM_SKEW_SECONDS = 30  # against the median: certificates and etcd's leases suffer from more
ANOTHER = {  # how one of two machines gets its own
    PRODUCT_UUID: "give one machine another, in what its hypervisor or its firmware says of it (1.2 of the tutorial)",
    MACHINE_ID: "on one: rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup, and reboot it",
    HOST_KEY: "on one: rm /etc/ssh/ssh_host_* && ssh-keygen -A, restart its sshd, and take its line out of known_hosts here",
}
KEY_SIGNS = 12
BGP_PORT = 179  # RFC 4271: Calico's BIRD listens on every node
# kubelet with its health, kube-proxy's metrics and health (cluster/ports/ports.go, kubelet and kube-proxy configuration), and BIRD
EVERY_NODES_PORTS = (10250, 10248, 10249, 10256, BGP_PORT)
TCP_LISTEN_PORTS = {
    # kube-apiserver, etcd with its metrics, controller manager, scheduler: kubeadm's own preflight, and etcd's manifest
    "control_plane": (6443, 2379, 2380, 2381, 10257, 10259, *EVERY_NODES_PORTS),
    "worker": EVERY_NODES_PORTS,
}
NFTABLES_KERNEL = (5, 13)  # kube-proxy: NFTablesKubeProxyKernelVersion in pkg/util/kernel/constants.go


def reasons(intent: Intent, node: Node, compared: Compared) -> list[str]:
    """Why not to begin on this node; empty when all is clear.

    Args:
        intent: what is wanted.
        node: which.
        compared: the facts of all observed nodes side by side.

    """
    own = compared.every[node.name]
    return [
        *systems.refusals(own.system, own.kernel, intent.software.kubernetes, member=own.member),
        *_machine(node, own),
        *_network(node, compared),
        *_kernel(intent, own),
        *software(intent, own),
        *_resolver(own),
        *_other_networks(intent, own),
        *_firewall(intent, node, own),
        *selinux.refusals(intent, own.selinux, member=own.member),
        *_ports(intent, node, own),
    ]


def supported(own: NodeFacts) -> bool:
    """Whether it is a system whose packages Kubepeer knows."""
    return bool(own.system.family)


def is_new(own: NodeFacts) -> bool:
    """Whether it is a machine on which nothing of a cluster has begun."""
    return supported(own) and not (own.member or own.joining)


def _machine(node: Node, own: NodeFacts) -> list[str]:
    found = []
    if own.read_only:
        found.append("/etc is read-only: remount it writable, and see in dmesg why it is not")
    if node.role == "control_plane" and (own.cpus < MINIMUM_CPUS or own.memory_mb < MINIMUM_MEMORY_MB):
        found.append(
            f"{own.cpus} CPU and {own.memory_mb} MB: a control plane needs {MINIMUM_CPUS} and {MINIMUM_MEMORY_MB} MB (kubeadm)"
        )
    needed = MINIMUM_FREE_LATER_MB if own.prepared else MINIMUM_FREE_MB
    if own.free_mb < needed:
        found.append(f"{own.free_mb} MB free on the disk of /etc or /var/lib: free {needed} MB")
    return found


def _network(node: Node, compared: Compared) -> list[str]:
    own = compared.every[node.name]
    found = []
    stands = ", ".join(sorted(own.addresses, key=lambda text: by_number(ip_address(text)))) or "no address"
    found += [
        f"{node.interface} has {stands}, not {address}: correct interface or {node.key_of(address.version)} in the inventory"
        for address in node.addresses
        if str(address) not in own.addresses
    ]
    if twins := compared.same_mac(node.name):
        found.append(
            f"hardware address {next(iter(own.macs))} is also that of {twins[0]}: give one machine another (1.2 of the tutorial)"
        )
    found += _clones(node, compared)
    skew = own.clock_offset - compared.clock
    if abs(skew) - compared.doubt > MAXIMUM_SKEW_SECONDS:
        found.append(f"the clock is {skew:+.0f} s off the others: set it (timedatectl set-time)")
    return found


def _clones(node: Node, compared: Compared) -> list[str]:
    """What a copied machine shares with the one that it was copied from."""
    own = compared.every[node.name]
    found = []
    for kind, cure in ANOTHER.items():
        if twins := compared.same_identity(node.name, kind):
            shared = min(own.identity[kind] & compared.every[twins[0]].identity[kind])
            found.append(f"{kind} {_short(shared)} is also that of {listed(twins)}: {cure}")
    return found


def _short(value: str) -> str:
    """A public key's kind and its end, which is what differs; anything else whole."""
    kind, _, key = value.partition(" ")
    return f"{kind} ...{key[-KEY_SIGNS:]}" if key else value


def _kernel(intent: Intent, own: NodeFacts) -> list[str]:
    found = []
    missing = [
        module
        for module in modules_for(intent, OLD_CONNTRACK if OLD_CONNTRACK in own.loadable else CONNTRACK)
        if module not in own.loadable
    ]
    if missing and intent.software.proxy_mode == "ipvs" and all(module.startswith("ip_vs") for module in missing):
        found.append(
            f"the kernel has no {', '.join(missing)}: set software.proxy_mode to iptables or nftables, or use a kernel with IPVS"
        )
    elif missing:
        found.append(f"the kernel has no module {', '.join(missing)}: install the kernel's extra modules")
    kernel = minor_of(own.kernel)
    if intent.software.proxy_mode == "nftables" and kernel and kernel < NFTABLES_KERNEL:
        found.append(
            f"kernel {own.kernel}: kube-proxy's nftables mode needs 5.13: set software.proxy_mode to iptables, or use a newer kernel"
        )
    return found


def _resolver(own: NodeFacts) -> list[str]:
    """CoreDNS forwards to the nameservers of the node's own file; without one it does not start, and a pod's loopback is the pod itself."""
    if own.member:
        return []  # CoreDNS may have been told to ask others meanwhile
    file, nameservers = own.resolver
    if any(not _loopback(nameserver) for nameserver in nameservers):
        return []
    names = f"only {', '.join(nameservers)}, which is each pod itself" if nameservers else "no nameserver"
    return [f"{file} has {names}: CoreDNS cannot start with it; write a nameserver there that pods can reach"]


def _loopback(nameserver: str) -> bool:
    try:
        return ip_address(nameserver.strip()).is_loopback
    except ValueError:
        return True  # nothing that could be asked


def _other_networks(intent: Intent, own: NodeFacts) -> list[str]:
    """A member has been living with what is there: Multus, for one, comes before Calico on purpose."""
    if own.member or intent.software.set_aside_other_cni or not own.other_cni:
        return []
    names = ", ".join(own.other_cni)
    cure = "remove that network, or set software.set_aside_other_cni: true"
    when = "before" if min(own.other_cni) < cni.CALICO else "in the place of"
    return [f"{names} in {cni.FOLDER} would be taken {when} Calico's {cni.CALICO}: {cure}"]


def _firewall(intent: Intent, node: Node, own: NodeFacts) -> list[str]:
    """A member has been living with it."""
    if own.member:
        return []
    refused = firewall.refusal(intent, node, own.firewalls)
    return [refused] if refused else []


def _ports(intent: Intent, node: Node, own: NodeFacts) -> list[str]:
    if own.member or own.joining:
        return []
    balanced = intent.cluster.endpoint.provider == "keepalived"  # haproxy's; kube-vip's is the apiserver's
    endpoint = (intent.cluster.endpoint.port,) if balanced and node.role == "control_plane" else ()
    return [
        f"port {port} is in use by {own.listening[port] or 'another program'}: stop it (ss -ltnp)"
        for port in (*TCP_LISTEN_PORTS[node.role], *endpoint)
        if port in own.listening
    ]
