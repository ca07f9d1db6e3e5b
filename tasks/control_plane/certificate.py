"""The names and addresses in the apiserver's certificate. Pure."""

from collections.abc import Iterable
from hashlib import sha256
from ipaddress import ip_address

from kubepeer.intent import Intent, Node
from tasks.control_plane.containers import stopping
from tasks.control_plane.kubeadm import direct, names_of_endpoint
from tasks.control_plane.record import CERTIFICATE, CERTIFICATE_KEY, NAMES, SettingsSeen
from tasks.control_plane.settings import APISERVER, digest
from tasks.linux.state import Execute, LinuxChange, clearing_marker, marker_of

RENEW_SECONDS = 120
READY_SECONDS = 120
PKI = "/etc/kubernetes/pki"
READY = f"""n=0; until [ "$(curl --noproxy '*' -sk --max-time 3 https://127.0.0.1:6443/readyz)" = ok ]; do
n=$((n + 1)); [ $n -lt {READY_SECONDS // 2} ] || {{ echo "the apiserver is not ready again" >&2; exit 1; }}; sleep 1; done"""

# kubeadm takes a certificate that is there for a good one, and refuses one that lacks a name. So it is made beside, in a mount namespace in
# which a folder with the CA alone lies over the real one, and takes the old one's place when it is whole. The apiserver must be restarted
# then, and that is marked before.
RENEW = """{direct}umask 077; f=$(mktemp /run/kubepeer-kubeadm.XXXXXX) && d=$(mktemp -d {folder}/.kubepeer.XXXXXX) || exit
trap 'rm -rf "$f" "$f.log" "$d"' EXIT
cat >"$f"; ln {folder}/ca.crt {folder}/ca.key "$d" || exit; export d f
unshare -m sh -c '
mount --make-rprivate / 2>/dev/null; mount --bind "$d" {folder} || exit
kubeadm init phase certs apiserver --config "$f"' >"$f.log" 2>&1 </dev/null || {{ tail -n 1 "$f.log" >&2; exit 1; }}
{mark}mv -f "$d/apiserver.key" {key} && mv -f "$d/apiserver.crt" {certificate}"""


def names(intent: Intent, node: Node) -> tuple[str, ...]:
    """What kubeadm puts into a certificate of an apiserver (cmd/kubeadm/app/util/pkiutil, GetAPIServerAltNames), and what is added."""
    domain, services = intent.cluster.dns_domain, intent.cluster.networks.services
    own = [
        node.full_name,
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        f"kubernetes.default.svc.{domain}",
    ]
    own += [str(services[1]), str(node.address), *names_of_endpoint(intent.cluster), *intent.kubeadm.cert_sans]
    return tuple(sorted(dict.fromkeys(own), key=_order))


def _order(name: str) -> tuple[bool, str]:
    try:
        ip_address(name)
    except ValueError:
        return False, name
    return True, name


def made_from(intent: Intent, node: Node) -> dict[str, str]:
    """For the record: a digest of the names."""
    return {NAMES: digest(list(names(intent, node)))}


def names_in(pem: str) -> tuple[str, ...]:
    """The subject's alternative names in a certificate (RFC 5280, 4.2.1.6), in our order."""
    from cryptography import x509  # noqa: PLC0415  not waited for where no certificate is in doubt

    try:
        found = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (ValueError, x509.ExtensionNotFound):
        return ()
    every = [*found.value.get_values_for_type(x509.DNSName), *map(str, found.value.get_values_for_type(x509.IPAddress))]
    return tuple(sorted(every, key=_order))


def plan(intent: Intent, node: Node, seen: SettingsSeen, configuration: str, *, restart: bool) -> LinuxChange | None:
    """The certificate is made anew where it has other names than it should; None where it has those.

    Args:
        intent: what is wanted.
        node: the control plane.
        seen: what stands there.
        configuration: for kubeadm.
        restart: the apiserver's manifest stays as it is, and does not restart it anyway.

    One of which nothing is recorded, and to which nothing is added, is as kubeadm made it before this was kept: it is left alone.
    """
    stands = seen.files.get(CERTIFICATE)
    recorded = seen.record.get(NAMES)
    if stands is None or (recorded is None and not intent.kubeadm.cert_sans):
        return None
    wanted = names(intent, node)
    is_recorded = recorded is not None and recorded.made_from == made_from(intent, node)[NAMES]
    if recorded is not None and is_recorded and recorded.sha256 == sha256(stands.content.encode()).hexdigest():
        return None
    has = names_in(stands.content)
    if has == wanted:
        return None
    renew = Execute(
        "kubeadm init phase certs apiserver", renewing(intent, mark=restart), RENEW_SECONDS, stdin=configuration
    )
    steps = (renew, restarting()) if restart else (renew,)
    return LinuxChange(f"names in {CERTIFICATE}", _lines(has), _lines(wanted), steps=steps)


def renewing(intent: Intent, *, mark: bool) -> str:
    """The script that makes the certificate anew; kubeadm's configuration is its standard input."""
    return RENEW.format(
        direct=direct(intent),
        folder=PKI,
        mark=f"touch {marker_of(APISERVER)}; " if mark else "",
        key=CERTIFICATE_KEY,
        certificate=CERTIFICATE,
    )


def restarting() -> Execute:
    """The apiserver starts anew, and is ready again; the kubelet sees to it."""
    script = f"{{\n{stopping(APISERVER)}\n}} && {{\n{READY}\n}}"
    return Execute(f"restart {APISERVER}", clearing_marker(APISERVER, script), RENEW_SECONDS + READY_SECONDS)


def _lines(found: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in found)
