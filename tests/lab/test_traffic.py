"""Traffic from the client behind the router: every kind of address answers, and every node takes its share."""

import pytest

from tests.lab.devices import Kubectl
from tests.lab.laboratory import NODES, Laboratory

pytestmark = pytest.mark.lab
BALANCED, ALLOCATED = "10.33.192.80", "10.33.192.0"
CLIENT = "10.32.0.10"
CONNECTIONS = 1000


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


def conntrack(cluster: Kubectl, node: str, what: str) -> str:
    """What the node's connection tracking says of the client's way to the balanced address; kube-proxy's image has the program."""
    pod = cluster.pod_on(node, "kube-system", "k8s-app=kube-proxy")
    script = f"conntrack {what} -p tcp --orig-src {CLIENT} --orig-dst {BALANCED} 2>/dev/null || true"
    return cluster("exec", "-n", "kube-system", pod, "--", "sh", "-c", script)


def entered_by(cluster: Kubectl, node: str) -> set[str]:
    """The client's ports whose connections entered by this node: it alone tracks them to the balanced address."""
    lines = conntrack(cluster, node, "-L").splitlines()
    return {next(word for word in line.split() if word.startswith("sport=")) for line in lines}


def test_a_thousand_connections_of_one_client_enter_by_at_least_four_nodes_and_none_has_more_than_half(
    lab: Laboratory, cluster: Kubectl
) -> None:
    assert cluster.ready() == set(NODES)
    for node in NODES:
        conntrack(cluster, node, "-D")
    # HTTP/1.0 closes after each answer: every request is a connection from a port of its own
    script = f"curl -sS --http1.0 --max-time 120 'http://{BALANCED}/?[1-{CONNECTIONS}]'"
    assert len(lab.inside("client", script, deadline=150).split()) == CONNECTIONS
    ports = {node: entered_by(cluster, node) for node in NODES}
    counts = {node: len(found) for node, found in ports.items()}
    assert len(set().union(*ports.values())) == sum(counts.values()) == CONNECTIONS, counts
    assert sum(count > 0 for count in counts.values()) >= 4, counts
    assert max(counts.values()) <= CONNECTIONS / 2, counts
