"""Traffic from the client behind the router: every kind of address answers. How it is spread over the nodes: test_services."""

import pytest

from tests.lab.devices import Kubectl
from tests.lab.laboratory import Laboratory

pytestmark = pytest.mark.lab
BALANCED, ALLOCATED = "10.33.192.80", "10.33.192.0"
CLIENT = "10.32.0.10"


def answer_to_client(lab: Laboratory, address: str) -> str:
    """What the workload says: the address and port that it sees its client at."""
    return lab.inside("client", f"curl -sS --max-time 5 http://{address}/").strip()


def test_every_pod_answers_the_client_and_sees_its_own_address(lab: Laboratory, cluster: Kubectl) -> None:
    pods = cluster.get("pods", "-n", "nginx-quic", "-l", "app=nginx-quic")
    assert len(pods) == 4
    for pod in pods:
        assert answer_to_client(lab, pod["status"]["podIP"]).startswith(f"{CLIENT}:")


def test_a_cluster_ip_answers_the_client(lab: Laboratory, cluster: Kubectl) -> None:
    (service,) = cluster.get("service", "nginx-clusterip-service", "-n", "nginx-quic")
    assert ":" in answer_to_client(lab, f"{service['spec']['clusterIP']}:8080")


@pytest.mark.parametrize(("name", "address"), [("nginx-lb-service", BALANCED), ("nginx-lb2-service", ALLOCATED)])
def test_a_load_balancer_has_its_address_and_answers_the_client(
    lab: Laboratory, cluster: Kubectl, name: str, address: str
) -> None:
    (service,) = cluster.get("service", name, "-n", "nginx-quic")
    assert service["status"]["loadBalancer"]["ingress"] == [{"ip": address, "ipMode": "VIP"}]
    wanted = service["metadata"]["annotations"].get("purelb.io/addresses")
    assert wanted == (BALANCED if address == BALANCED else None)
    assert ":" in answer_to_client(lab, address)
