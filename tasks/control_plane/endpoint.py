"""The API's one address: haproxy and keepalived, or kube-vip, as static pods on every control plane, planned. Pure."""

import hashlib
import re
from dataclasses import replace

from kubepeer import safe_yaml
from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Node
from kubepeer.intent.families import BITS, IPV6, Address, version_of
from tasks.control_plane import kube_vip
from tasks.control_plane.containers import stopping
from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import PENDING_RESTARTS, Execute, LinuxChange, Remove, clearing_marker, file, marker_of, present
from tasks.linux.templates import render

HAPROXY_FILE = "/etc/haproxy/haproxy.cfg"
KEEPALIVED_FILE, CHECK_FILE = "/etc/keepalived/keepalived.conf", "/etc/keepalived/check_apiserver.sh"
MANIFESTS = "/etc/kubernetes/manifests"
HAPROXY_POD, KEEPALIVED_POD = f"{MANIFESTS}/haproxy.yaml", f"{MANIFESTS}/keepalived.yaml"
QUESTIONS = {"restarts": PENDING_RESTARTS}
# provider -> its files, the pods first: in this order they are taken away
FILES = {
    "keepalived": (HAPROXY_POD, KEEPALIVED_POD, HAPROXY_FILE, KEEPALIVED_FILE, CHECK_FILE),
    "kube-vip": (kube_vip.POD, kube_vip.HOSTS_FILE),
}
PATHS = tuple(path for paths in FILES.values() for path in paths)
PODS = (HAPROXY_POD, KEEPALIVED_POD, kube_vip.POD)
HOLDERS = (KEEPALIVED_POD, kube_vip.POD)  # of the address
WRITTEN = "Written by Kubepeer"

# keepalived cuts it after the eighth sign (RFC 2338, 5.3.6), and reads spaces, quotes, comments and braces in its own way
VRRP_PASSWORD = r"[A-Za-z0-9._+=:@/-]{1,8}"  # noqa: S105  a form, not a password
CONFIGURATION_ANNOTATION = "kubepeer.io/configuration"
RESTART_SECONDS = 90  # a container has thirty to end


def plan_endpoint(
    intent: Intent, node: Node, seen: Seen, password: str | None, *, cluster_stands: bool = False
) -> tuple[LinuxChange, ...]:
    """The files of the endpoint's provider; the kubelet starts its pods. What another provider of ours has left goes.

    Args:
        intent: all control planes are backends, chosen or not.
        node: the control plane.
        seen: the files of all providers as they stand.
        password: of VRRP, or None for none (RFC 5798 has dropped it; keepalived still has it).
        cluster_stands: the API answers and knows nodes.

    Raises:
        RefusedError: keepalived would read another password than this one.

    """
    provider = intent.cluster.endpoint.provider
    wanted: tuple[LinuxChange, ...] = ()
    if provider == "keepalived":
        wanted = _keepalived(intent, node, seen, password)
    elif provider == "kube-vip":
        texts = kube_vip.files(intent, node, seen.files[kube_vip.POD], cluster_stands=cluster_stands)
        wanted = present(*(file(path, text, seen.files[path]) for path, text in texts.items()))
    left = [path for other, paths in FILES.items() if other != provider for path in paths]
    return (*present(*(_gone(path, seen.files[path]) for path in left)), *wanted)


def plan_departure(seen: Seen) -> tuple[LinuxChange, ...]:
    """What of ours a control plane gives up that leaves: whoever holds the address first, then what listens there, and the files of both.

    Args:
        seen: the files of all providers as they stand.

    """
    order = sorted(PATHS, key=lambda path: (path not in HOLDERS, path not in PODS))
    return present(*(_gone(path, seen.files[path]) for path in order))


def _gone(path: str, stands: FileSeen | None) -> LinuxChange | None:
    """A file of ours that is no longer wanted; one that somebody else has made is not ours to take."""
    if stands is None or not any(mark in stands.content for mark in (WRITTEN, CONFIGURATION_ANNOTATION)):
        return None
    return LinuxChange(path, stands.content, None, secret=path == KEEPALIVED_FILE, steps=(Remove(path),))


def _keepalived(intent: Intent, node: Node, seen: Seen, password: str | None) -> tuple[LinuxChange, ...]:
    """The five files of haproxy and keepalived; the kubelet starts the pods from the last two."""
    refuse_password(password, node.name)
    endpoint = intent.cluster.endpoint
    virtual, *others = (_with_length(intent, address) for address in endpoint.addresses)
    haproxy = render(
        "control_plane/haproxy.cfg.j2",
        port=endpoint.port,
        control_planes=intent.control_planes,
        ipv6=IPV6 in intent.cluster.networks.versions,
    )
    keepalived = render(
        "control_plane/keepalived.conf.j2",
        node=node,
        virtual_address=virtual,
        other_addresses=others,
        version_3=by_version_3(intent),
        virtual_router_id=endpoint.virtual_router_id,
        password=None if by_version_3(intent) else password,
        peers=[other for other in intent.control_planes if endpoint.unicast and other.name != node.name],
    )
    check = render("control_plane/check_apiserver.sh.j2", port=endpoint.port)
    haproxy_pod = render(
        "control_plane/haproxy.yaml.j2",
        image=intent.software.haproxy_image,
        port=endpoint.port,
        configuration_hash=_hash(haproxy),
    )
    keepalived_pod = render(
        "control_plane/keepalived.yaml.j2",
        image=intent.software.keepalived_image,
        configuration_hash=_hash(keepalived + check),
    )
    files = seen.files
    secret = password is not None
    mode = "600" if secret else "644"
    pods = {
        "haproxy": file(HAPROXY_POD, haproxy_pod, files[HAPROXY_POD]),
        "keepalived": file(KEEPALIVED_POD, keepalived_pod, files[KEEPALIVED_POD]),
    }
    # where the pod's manifest changes too, the kubelet starts it anew
    markers = {name: "" if pod else marker_of(name) for name, pod in pods.items()}
    haproxy_change = file(HAPROXY_FILE, haproxy, files[HAPROXY_FILE], restart_marker=markers["haproxy"])
    keepalived_change = file(
        KEEPALIVED_FILE,
        keepalived,
        files[KEEPALIVED_FILE],
        mode=mode,
        secret=secret,
        restart_marker=markers["keepalived"],
    )
    return present(
        _with_restart("haproxy", haproxy_change, seen, restart_marker=markers["haproxy"]),
        _with_restart("keepalived", keepalived_change, seen, restart_marker=markers["keepalived"]),
        file(CHECK_FILE, check, files[CHECK_FILE], mode="755"),
        *pods.values(),
    )


def by_version_3(intent: Intent) -> bool:
    """Whether VRRP is spoken over IPv6: by its version 3 (RFC 5798), which has no passwords.

    An instance has addresses of one family; those of the other come and go with them (keepalived.conf(5), virtual_ipaddress_excluded).
    """
    return version_of(intent.cluster.endpoint.address) == IPV6


def _with_length(intent: Intent, address: Address) -> str:
    """As keepalived has it: an address without a length is one alone (keepalived.conf(5))."""
    length = intent.cluster.endpoint.length_of(address)
    return f"{address}/{length}" if length < BITS[version_of(address)] else str(address)


def refuse_password(password: str | None, host: str | None = None) -> None:
    """Refuse a password of VRRP that keepalived would read otherwise."""
    if password is not None and not re.fullmatch(VRRP_PASSWORD, password):
        raise RefusedError(
            "the VRRP password is not one that keepalived takes whole: one to eight letters, digits or any of . _ + = : @ / -",
            host=host,
            cure="choose another where cluster.endpoint.password says",
        )


def _with_restart(name: str, change: LinuxChange | None, seen: Seen, *, restart_marker: str) -> LinuxChange | None:
    """A change of a configuration file and the restart of its container, also one that an earlier run has left pending.

    Where the pod already runs it read the file when it started. Its manifest, whose annotation names the file's hash, is as it
    should be, and the kubelet sees nothing to do. A container that was stopped it starts at once.
    """
    if name not in seen["restarts"].lines and not (change and restart_marker):
        return change
    stands = change or LinuxChange(f"container {name} restart", None, "restarted")
    step = Execute(f"restart {name}", clearing_marker(name, stopping(name)), RESTART_SECONDS)
    return replace(stands, steps=(*stands.steps, step))


def configuration_of(manifest: str) -> str:
    """The hash of the configuration that a pod's manifest was rendered for."""
    annotations = safe_yaml.load(manifest)["metadata"]["annotations"]
    return str(annotations[CONFIGURATION_ANNOTATION])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
