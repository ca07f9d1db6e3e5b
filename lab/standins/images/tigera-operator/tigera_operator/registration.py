"""Brings up the API server of projectcalico.org/v3: certificate, Deployment, Service, registration."""

import hashlib

from cluster_api.client import Client
from cluster_api.objects import Json, spec

from tigera_operator import api
from tigera_operator.certificates import self_signed
from tigera_operator.keeper import Keeper
from tigera_operator.release import Release, image


def serve(client: Client, keeper: Keeper, release: Release, server: Json, installation: Json) -> Json:
    """Keep all of it; it goes when the APIServer goes, and then projectcalico.org/v3 is served no more.

    Returns:
        The Deployment as it stands.

    """
    home = api.space(release.calico)
    for managed in api.rights(release.calico):
        if managed.item["kind"] != "Namespace" or home == api.NAME:  # calico-system belongs to the Installation
            keeper.keep(managed, server)
    key, certificate = _certificate(client, home)
    keeper.keep(api.secret(home, key, certificate), server)
    keeper.keep(api.service(home), server)
    keeper.keep(api.registration(home, certificate), server)
    mark = hashlib.sha1(certificate.encode()).hexdigest()  # noqa: S324  a mark, no secret
    wanted = api.deployment(
        image(release.api_server_image, str(spec(installation).get("registry") or "")),
        release.calico,
        int(spec(installation).get("controlPlaneReplicas") or 2),
        release.api_server_period,
        mark,
    )
    return keeper.keep(wanted, server)


def _certificate(client: Client, home: str) -> tuple[str, str]:
    """Take the certificate that stands, or make one."""
    standing = client.find(f"/api/v1/namespaces/{home}/secrets/{api.SECRET}")
    data = (standing or {}).get("data") or {}
    if data.get("tls.key") and data.get("tls.crt"):
        return str(data["tls.key"]), str(data["tls.crt"])
    return self_signed([f"{api.SERVICE}.{home}.svc", f"{api.SERVICE}.{home}.svc.cluster.local"])
