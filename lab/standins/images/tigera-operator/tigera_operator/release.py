"""Which release of Calico this is, and where its images are: compiled in, in the real one; from the manifest here."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """The release, its images, and the two periods of readiness probes that a deploy waits for."""

    calico: str
    operator: str
    node_image: str
    api_server_image: str
    controllers_image: str
    api_server_period: int = 60
    node_period: int = 30

    @classmethod
    def from_environment(cls) -> "Release":
        """Read what the manifest says."""
        return cls(
            calico=os.environ["CALICO_VERSION"].removeprefix("v"),
            operator=os.environ.get("TIGERA_OPERATOR_INIT_IMAGE_VERSION", "unknown"),
            node_image=os.environ["CALICO_NODE_IMAGE"],
            api_server_image=os.environ["CALICO_APISERVER_IMAGE"],
            controllers_image=os.environ["CALICO_KUBE_CONTROLLERS_IMAGE"],
            api_server_period=int(os.environ.get("APISERVER_READINESS_SECONDS", "60")),
            node_period=int(os.environ.get("CALICO_NODE_READINESS_SECONDS", "30")),
        )


def image(default: str, registry: str) -> str:
    """Take the image from another registry where the Installation names one."""
    return f"{registry.rstrip('/')}/{default.partition('/')[2]}" if registry else default
