"""What a node has of an endpoint already: whose pods, and which password of VRRP; and what may not become of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from kubepeer.intent import Intent
from tasks.control_plane.endpoint import KEEPALIVED_FILE, MANIFESTS, PODS, WRITTEN
from tasks.linux.observe import Answer

PROVIDERS = {"haproxy": "keepalived", "keepalived": "keepalived", "kube-vip": "kube-vip"}  # pod -> whose it is
# No program: the shell reads the two lines. A keepalived.conf of somebody else's says nothing of ours.
QUESTION = f"""for p in {" ".join(PurePath(pod).stem for pod in PODS)}; do [ ! -e {MANIFESTS}/$p.yaml ] || echo "pod $p"; done
[ ! -e {KEEPALIVED_FILE} ] || {{ read -r line && case $line in *"{WRITTEN}"*)
    echo configured
    while read -r word value; do [ "$word" != auth_pass ] || echo "password $value"; done;;
esac; }} <{KEEPALIVED_FILE}; true"""


@dataclass(frozen=True)
class EndpointSeen:
    """The endpoint as it stands on a node.

    Attributes:
        pods: names of the static pods that are there.
        configured: keepalived's configuration is there, and ours.
        password: of VRRP in it; None where it has none.

    """

    pods: frozenset[str] = frozenset()
    configured: bool = False
    password: str | None = None

    @property
    def provider(self) -> str | None:
        """Whose pods these are; None where there are none."""
        return next((PROVIDERS[pod] for pod in sorted(self.pods)), None)


def endpoint_seen(answer: Answer) -> EndpointSeen:
    """Read the answer to QUESTION."""
    words = [line.split(maxsplit=1) for line in answer.lines]
    said = [(line[0], line[1] if len(line) > 1 else "") for line in words]
    return EndpointSeen(
        pods=frozenset(value for word, value in said if word == "pod" and value in PROVIDERS),
        configured=("configured", "") in said,
        password=next((value for word, value in said if word == "password"), None),
    )


def another_provider(intent: Intent, members: Mapping[str, EndpointSeen]) -> tuple[str, str] | None:
    """Why the provider is not changed on a cluster that lives, and the cure; None where it is not asked for.

    While it is changed on one control plane after the other, two would hold the address, or nobody would; and behind kube-vip and
    a load balancer the port may be another, which stands in the kubeconfig of every kubelet.

    Args:
        intent: with the provider that is wanted.
        members: the control planes that are members already, by name.

    """
    wanted = intent.cluster.endpoint.provider
    others = {name: seen.provider for name, seen in members.items() if seen.provider not in (None, wanted)}
    if not others:
        return None
    stands = next(iter(others.values()))
    what = f"the API's endpoint is by {stands} on {', '.join(others)}, the inventory says {wanted}"
    pods = " and ".join(sorted(pod for pod, provider in PROVIDERS.items() if provider == stands))
    by_hand = f"let the other one answer at the address and port first, then take {pods} out of {MANIFESTS}"
    return (
        f"{what}: deploy.py does not change it on a cluster that lives",
        f"cluster.endpoint.provider: {stands}; or {by_hand} on one control plane after the other",
    )
