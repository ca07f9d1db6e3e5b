"""A service of policy Local with one pod, which can be sent from node to node: its addresses are announced where the pod is."""

import json
from dataclasses import dataclass
from typing import Any

from tests.lab.devices import Kubectl

NAME, IMAGE = "local-trial", "docker.io/tinychen777/nginx-quic:latest"
HERE = ("-n", "nginx-quic")


@dataclass(frozen=True)
class LocalService:
    """The service; there is none before its pod is sent somewhere."""

    cluster: Kubectl

    def on(self, node: str) -> None:
        """Its pod is to run there."""
        document = {"apiVersion": "v1", "kind": "List", "items": [_deployment(node), _service()]}
        path = self.cluster.folder / "local.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        self.cluster("apply", "-f", str(path))

    def delete(self) -> None:
        """None is as good."""
        self.cluster("delete", f"service/{NAME}", f"deployment/{NAME}", *HERE, "--ignore-not-found")

    def nodes(self) -> set[str]:
        """Where it has endpoints, ready or not: Calico announces for each that is listed."""
        slices = self.cluster.get("endpointslices", *HERE, "-l", f"kubernetes.io/service-name={NAME}")
        return {endpoint["nodeName"].partition(".")[0] for one in slices for endpoint in one.get("endpoints") or []}

    def balanced(self) -> set[str]:
        """The addresses that the load balancer has given it."""
        (service,) = self.cluster.get("service", NAME, *HERE)
        return {one["ip"] for one in service["status"].get("loadBalancer", {}).get("ingress", [])}

    def prefixes(self) -> set[str]:
        """All of its addresses, as the kernel shows a route to one of them: without a length."""
        (service,) = self.cluster.get("service", NAME, *HERE)
        return {service["spec"]["clusterIP"], *self.balanced()}


def _deployment(node: str) -> dict[str, Any]:
    labels = {"app": NAME}
    pod = {
        "nodeSelector": {"kubernetes.io/hostname": f"{node}.tinychen.io"},
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": NAME, "image": IMAGE, "imagePullPolicy": "IfNotPresent"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": "nginx-quic"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": NAME,
            "namespace": "nginx-quic",
            "annotations": {"purelb.io/service-group": "bgp-ippool"},
        },
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "selector": {"app": NAME},
            "ports": [{"port": 80, "targetPort": 80}],
        },
    }
