"""The API's one address: haproxy and keepalived as static pods on every control plane, planned. Pure."""

import hashlib
import re

import yaml

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Node
from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import Execute, LinuxChange, file, present
from tasks.linux.templates import render

HAPROXY_FILE = "/etc/haproxy/haproxy.cfg"
KEEPALIVED_FILE, CHECK_FILE = "/etc/keepalived/keepalived.conf", "/etc/keepalived/check_apiserver.sh"
MANIFESTS = "/etc/kubernetes/manifests"
HAPROXY_POD, KEEPALIVED_POD = f"{MANIFESTS}/haproxy.yaml", f"{MANIFESTS}/keepalived.yaml"
PATHS = (HAPROXY_FILE, KEEPALIVED_FILE, CHECK_FILE, HAPROXY_POD, KEEPALIVED_POD)

# keepalived cuts it after the eighth sign (RFC 2338, 5.3.6), and reads spaces, quotes, comments and braces in its own way
VRRP_PASSWORD = r"[A-Za-z0-9._+=:@/-]{1,8}"  # noqa: S105  a form, not a password
CONFIGURATION_ANNOTATION = "kubepeer.io/configuration"
# Where the pod already runs it read the file when it started; the kubelet starts it again at once.
RESTART = """command -v crictl >/dev/null || exit 0
ids=$(crictl ps -q --name '^{name}$' 2>/dev/null) || exit 0
[ -z "$ids" ] || crictl stop $ids >/dev/null"""


def plan_endpoint(intent: Intent, node: Node, seen: Seen, password: str | None) -> tuple[LinuxChange, ...]:
    """The five files; the kubelet starts the pods from the last two.

    Args:
        intent: all control planes are backends, chosen or not.
        node: the control plane.
        seen: the five files as they stand.
        password: of VRRP, or None for none (RFC 5798 has dropped it; keepalived still has it).

    Raises:
        RefusedError: keepalived would read another password than this one.

    """
    if password is not None and not re.fullmatch(VRRP_PASSWORD, password):
        raise RefusedError(
            "the VRRP password is not one that keepalived takes whole: one to eight letters, digits or any of . _ + = : @ / -",
            host=node.name,
            cure="choose another where cluster.endpoint.password says",
        )
    endpoint, networks = intent.cluster.endpoint, intent.cluster.networks
    haproxy = render("control_plane/haproxy.cfg.j2", port=endpoint.port, control_planes=intent.control_planes)
    keepalived = render(
        "control_plane/keepalived.conf.j2",
        node=node,
        address=endpoint.address,
        prefix_length=networks.nodes.prefixlen,
        virtual_router_id=endpoint.virtual_router_id,
        password=password,
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
    return present(
        _configuration(HAPROXY_FILE, haproxy, files[HAPROXY_FILE], files[HAPROXY_POD], haproxy_pod, "haproxy"),
        _configuration(
            KEEPALIVED_FILE,
            keepalived,
            files[KEEPALIVED_FILE],
            files[KEEPALIVED_POD],
            keepalived_pod,
            "keepalived",
            mode="600" if secret else "644",
            secret=secret,
        ),
        file(CHECK_FILE, check, files[CHECK_FILE], mode="755"),
        file(HAPROXY_POD, haproxy_pod, files[HAPROXY_POD]),
        file(KEEPALIVED_POD, keepalived_pod, files[KEEPALIVED_POD]),
    )


def _configuration(
    path: str,
    wanted: str,
    stands: FileSeen | None,
    pod: FileSeen | None,
    wanted_pod: str,
    name: str,
    *,
    mode: str = "644",
    secret: bool = False,
) -> LinuxChange | None:
    """A configuration file; when its pod's manifest does not change too, the container is restarted to read it."""
    change = file(path, wanted, stands, mode=mode, secret=secret)
    if change is None or pod is None or pod.content != wanted_pod:
        return change
    steps = (*change.steps, Execute(f"restart {name}", RESTART.format(name=name), deadline=60))
    return LinuxChange(change.what, change.before, change.after, change.secret, steps=steps)


def configuration_of(manifest: str) -> str:
    """The hash of the configuration that a pod's manifest was rendered for."""
    annotations = yaml.safe_load(manifest)["metadata"]["annotations"]
    return str(annotations[CONFIGURATION_ANNOTATION])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
