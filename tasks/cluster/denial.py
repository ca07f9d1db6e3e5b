"""Why an API says no, in words that lead on: the rule that is missing, the expired token, the certificate of another. Pure."""

import base64
import json
import re
from datetime import UTC, datetime

from kubepeer.errors import KubepeerError, UnreachableError

READER = "docs/rbac/kubepeer-reader.yaml"
UNAUTHORIZED = 401
# apiserver: pkg/endpoints/handlers/responsewriters/errors.go, forbiddenMessage
OF_RESOURCE = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
)
OF_PATH = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) path "(?P<path>[^"]*)"')


class DeniedError(KubepeerError):
    """The API, or this end of the connection, says no: it passes by no waiting."""

    exit_code = UnreachableError.exit_code


def forbidden(said: str) -> DeniedError:
    """The rule that would allow it, as a ClusterRole has it; `said` are the API's own words."""
    cure = f"kubectl apply -f {READER}, which has it; or this rule in the account's own ClusterRole"
    if found := OF_RESOURCE.search(said):
        rule = f'apiGroups: ["{found["group"]}"], resources: ["{found["resource"]}"], verbs: ["{found["verb"]}"]'
    elif found := OF_PATH.search(said):
        rule = f'nonResourceURLs: ["{found["path"]}"], verbs: ["{found["verb"]}"]'
    else:
        return DeniedError(f"the Kubernetes API refuses (403): {said}", cure=cure)
    return DeniedError(f"{found['user']} lacks the rule {{{rule}}} (403)", cure=cure)


def login_refused(server: str, source: str, token: str, now: datetime) -> DeniedError:
    """Nobody is known by this token or certificate.

    Args:
        server: who says so.
        source: where the login stands.
        token: "" where it is a certificate.
        now: whether the token has expired shows in itself.

    """
    ended = expiry(token)
    if ended and ended < now:
        why = f"the token has expired on {ended:%Y-%m-%d %H:%M} UTC"
    elif token:
        why = "the token was taken back, or is another cluster's"
    else:
        why = "the certificate has expired, or is another cluster's"
    return DeniedError(
        f"the Kubernetes API at {server} does not take the login of {source} (401): {why}",
        cure="a new one: kubectl -n kube-system create token kubepeer-reader --duration=8760h (docs/adopt.md)",
    )


def another_certificate(server: str, source: str, said: str) -> DeniedError:
    """The server's certificate does not prove that it is the API; `said` are OpenSSL's words."""
    cure = "certificate-authority-data of this cluster: kubectl config view --raw --minify --flatten"
    if "match" in said or "not valid for" in said:
        cure = "a name or address that stands in the certificate: server_name of cluster.api, tls-server-name of a kubeconfig"
    return DeniedError(
        f"what answers at {server} is not the API that {source} has the CA of: {said.rstrip('.')}", cure=cure
    )


def expiry(token: str) -> datetime | None:
    """When a service account's token ends (RFC 7519, 4.1.4), by itself; None where it does not say."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004  RFC 7519, 3: header, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
