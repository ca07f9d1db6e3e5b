"""Where the API of a cluster that Kubepeer did not build is, and who asks it. Pure."""

from typing import Annotated

from pydantic import Field

from kubepeer.intent.section import Section
from kubepeer.intent.values import written
from kubepeer.secret import SecretSource

Server = Annotated[
    str,
    written(r"https://[^\s/?#@]+", "this is https://HOST:PORT, without a path"),
]


class ClusterApi(Section):
    """The section cluster.api: instead of a kubeconfig.

    Attributes:
        server: https://HOST:PORT.
        ca: the file with the certificate of the cluster's CA, in PEM; taken from the folder of config.yaml.
        token: of a service account.
        server_name: what the API's certificate is checked against, where that is not the host of `server`.

    """

    server: Server
    ca: str = Field(min_length=1)
    token: SecretSource
    server_name: str | None = None
