"""The section `proxy`: how the nodes reach what is not their own."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from kubepeer.intent.runtime import Address, Login
from kubepeer.intent.section import Section
from kubepeer.intent.values import written

DirectName = Annotated[str, written(r"[^\s,\"'\\]+", "one name, address or network without spaces and commas")]


class Proxy(Section):
    """The HTTP proxies of package managers, containerd and kubeadm; what is the cluster's own never goes through one.

    Attributes:
        http: for addresses that begin with http://.
        https: for addresses that begin with https://.
        no_proxy_extra: what else is reached directly: names, .domains, addresses, networks.
        login: of both.

    """

    http: Address | None = None
    https: Address | None = None
    no_proxy_extra: tuple[DirectName, ...] = Field(default=())
    login: Login | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if not (self.http or self.https):
            raise ValueError("names http, https or both")
        return self
